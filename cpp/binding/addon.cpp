// The entry point of the addon: an Environment for this Node environment, and all that JavaScript may call.
#include "environment.hpp"
#include "exports.hpp"

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData<cnn::Environment>(new cnn::Environment(env));  // Node deletes it with the environment
  cnn::exportOps(env, exports);
  cnn::exportTensors(env, exports);
  cnn::exportGradients(env, exports);
  cnn::exportDevices(env, exports);
#ifdef CNN_WITH_ONEDNN
  exports.Set("onednn", true);
#else
  exports.Set("onednn", false);
#endif
  return exports;
}

}  // namespace

NODE_API_MODULE(node_cudnn, init)
