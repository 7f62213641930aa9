// The groups of functions that the addon exports.
#pragma once

#include "environment.hpp"

namespace cnn {

void exportOps(Napi::Env env, Napi::Object exports);
void exportTensors(Napi::Env env, Napi::Object exports);
void exportGradients(Napi::Env env, Napi::Object exports);
void exportDevices(Napi::Env env, Napi::Object exports);
void exportPrograms(Napi::Env env, Napi::Object exports);

/// Exports a plain function.
inline void define(Napi::Env env, Napi::Object exports, std::string_view name, napi_callback callback) {
  napi_value function;
  checked(napi_create_function(env, name.data(), name.size(), callback, nullptr, &function));
  exports.Set(std::string(name), Napi::Value(env, function));
}

}  // namespace cnn
