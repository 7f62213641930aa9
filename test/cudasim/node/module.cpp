// The simulator's control for tests in JavaScript: report, reset, fail, calls, traffic.
#include <node_api.h>

#include <string>

#include "control.h"

namespace {

std::string stringAt(napi_env env, napi_value value) {
  std::size_t length = 0;
  napi_get_value_string_utf8(env, value, nullptr, 0, &length);
  std::string text(length, '\0');
  napi_get_value_string_utf8(env, value, text.data(), length + 1, &length);
  return text;
}

template <std::size_t count>
struct Arguments {
  napi_value values[count] = {};
  Arguments(napi_env env, napi_callback_info info) {
    std::size_t given = count;
    napi_get_cb_info(env, info, &given, values, nullptr, nullptr);
  }
};

napi_value number(napi_env env, double value) {
  napi_value result = nullptr;
  napi_create_double(env, value, &result);
  return result;
}

// report() → JSON
napi_value report(napi_env env, napi_callback_info) {
  napi_value result = nullptr;
  napi_create_string_utf8(env, cudasim_report(), NAPI_AUTO_LENGTH, &result);
  return result;
}

// traffic() → JSON
napi_value traffic(napi_env env, napi_callback_info) {
  napi_value result = nullptr;
  napi_create_string_utf8(env, cudasim_traffic(), NAPI_AUTO_LENGTH, &result);
  return result;
}

napi_value reset(napi_env, napi_callback_info) {
  cudasim_reset();
  return nullptr;
}

// fail(kind, n, status) → 0, or -1 for an unknown kind
napi_value fail(napi_env env, napi_callback_info info) {
  Arguments<3> arguments(env, info);
  double n = 0, status = 0;
  napi_get_value_double(env, arguments.values[1], &n);
  napi_get_value_double(env, arguments.values[2], &status);
  return number(
      env, cudasim_fail(stringAt(env, arguments.values[0]).c_str(), static_cast<long>(n), static_cast<int>(status)));
}

// calls(kind) → how many since the last reset
napi_value calls(napi_env env, napi_callback_info info) {
  Arguments<1> arguments(env, info);
  return number(env, static_cast<double>(cudasim_calls(stringAt(env, arguments.values[0]).c_str())));
}

}  // namespace

NAPI_MODULE_INIT() {
  const napi_property_descriptor properties[] = {
      {"report", nullptr, report, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"reset", nullptr, reset, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"fail", nullptr, fail, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"calls", nullptr, calls, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"traffic", nullptr, traffic, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  napi_define_properties(env, exports, sizeof properties / sizeof properties[0], properties);
  return exports;
}
