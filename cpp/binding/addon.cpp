// The entry point of the addon: what JavaScript sees when it opens node_cudnn.node.
#include <napi.h>

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
#ifdef CNN_WITH_ONEDNN
  const bool onednn = true;
#else
  const bool onednn = false;
#endif
  exports.Set("onednn", Napi::Boolean::New(env, onednn));
  return exports;
}

}  // namespace

NODE_API_MODULE(node_cudnn, init)
