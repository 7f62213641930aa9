// The entry point of the addon: an Environment for this Node environment, and all that JavaScript may call.
#include "exports.hpp"

namespace {

void exportAll(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData<cnn::Environment>(new cnn::Environment(env));  // Node deletes it with the environment
  cnn::exportOps(env, exports);
  cnn::exportTensors(env, exports);
  cnn::exportGradients(env, exports);
  cnn::exportDevices(env, exports);
  cnn::exportPrograms(env, exports);
}

}  // namespace

NAPI_MODULE_INIT() {
  try {
    exportAll(env, Napi::Object(env, exports));
  } catch (const cnn::Interrupted&) {
    // the thread is being ended while it starts
  } catch (const Napi::Error& error) { error.ThrowAsJavaScriptException(); } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
  }
  return exports;
}
