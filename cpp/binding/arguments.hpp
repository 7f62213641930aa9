// Reads JavaScript arguments into the fields of ops and writes results back; every mismatch is a typed error that names
// the field.
#pragma once

#include <cmath>

#include "environment.hpp"
#include "ops/chain.hpp"

namespace cnn {

inline constexpr double maxSafeInteger = 9007199254740991.0;

/// What a wrong argument is called in a message.
inline std::string typeName(napi_env env, napi_value value) {
  napi_valuetype type;
  napi_typeof(env, value, &type);
  switch (type) {
    case napi_undefined: return "undefined";
    case napi_null: return "null";
    case napi_boolean: return "a boolean";
    case napi_number: return "a number";
    case napi_string: return "a string";
    case napi_symbol: return "a symbol";
    case napi_function: return "a function";
    case napi_bigint: return "a bigint";
    default: break;
  }
  bool isArray = false;
  napi_is_array(env, value, &isArray);
  return isArray ? "an array" : "an object";
}

/// Where an argument stands: for messages only.
struct Place {
  std::string_view op, field;
};

inline double readNumber(napi_env env, napi_value value, Place place) {
  double number;
  if (napi_get_value_double(env, value, &number) != napi_ok) {
    fail(ErrorKind::value, place.op, ": ", place.field, " is ", typeName(env, value), ", expected a number");
  }
  return number;
}

inline Index readInteger(napi_env env, napi_value value, Place place) {
  double number = readNumber(env, value, place);
  if (!(std::abs(number) <= maxSafeInteger) || std::floor(number) != number) {
    fail(ErrorKind::value, place.op, ": ", place.field, " is ", number, ", expected a whole number");
  }
  return static_cast<Index>(number);
}

inline std::string readString(napi_env env, napi_value value, Place place) {
  char buffer[256];
  std::size_t length;
  if (napi_get_value_string_utf8(env, value, buffer, sizeof buffer, &length) != napi_ok) {
    fail(ErrorKind::value, place.op, ": ", place.field, " is ", typeName(env, value), ", expected a string");
  }
  return std::string(buffer, length);
}

inline std::uint32_t readArrayLength(napi_env env, napi_value value, Place place, std::string_view expected) {
  bool isArray = false;
  napi_is_array(env, value, &isArray);
  if (!isArray)
    fail(ErrorKind::value, place.op, ": ", place.field, " is ", typeName(env, value), ", expected ", expected);
  std::uint32_t length;
  napi_get_array_length(env, value, &length);
  return length;
}

/// An entry of an array. Its getter may throw: that exception goes on to the caller.
inline napi_value readElement(napi_env env, napi_value array, std::uint32_t i) {
  napi_value entry = nullptr;
  checked(napi_get_element(env, array, i, &entry));
  return entry;
}

inline void readField(napi_env env, napi_value value, double& field, Place place) {
  field = readNumber(env, value, place);
}
inline void readField(napi_env env, napi_value value, Index& field, Place place) {
  field = readInteger(env, value, place);
}
inline void readField(napi_env env, napi_value value, bool& field, Place place) {
  if (napi_get_value_bool(env, value, &field) != napi_ok) {
    fail(ErrorKind::value, place.op, ": ", place.field, " is ", typeName(env, value), ", expected a boolean");
  }
}
inline void readField(napi_env env, napi_value value, Dims& field, Place place) {
  std::uint32_t length = readArrayLength(env, value, place, "an array of whole numbers");
  if (length > maxRank)
    fail(ErrorKind::shape, place.op, ": ", place.field, " has ", length, " entries, expected at most ", maxRank);
  field = Dims();
  for (std::uint32_t i = 0; i < length; i++) {
    napi_value entry = readElement(env, value, i);
    field.push(readInteger(env, entry, place));
  }
}
inline void readField(napi_env env, napi_value value, DType& field, Place place) {
  std::string name = readString(env, value, place);
  for (std::size_t i = 0; i < std::size(dtypeNames); i++) {
    if (dtypeNames[i] == name) {
      field = static_cast<DType>(i);
      return;
    }
  }
  fail(ErrorKind::dtype, place.op, ": ", place.field, " is '", name,
       "', expected one of float32, float64, bfloat16, float16, int32, uint8, bool");
}
template <class Enum>
  requires std::is_enum_v<Enum>
void readField(napi_env env, napi_value value, Enum& field, Place place) {
  std::string name = readString(env, value, place);
  std::string_view list = EnumNames<Enum>::list;
  for (int i = 0; !list.empty(); i++) {
    std::size_t comma = list.find(',');
    if (list.substr(0, comma) == name) {
      field = static_cast<Enum>(i);
      return;
    }
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 2);
  }
  fail(ErrorKind::value, place.op, ": ", place.field, " is '", name, "', expected one of ", EnumNames<Enum>::list);
}

/// A property of an object; its default where it is absent.
template <class Value>
void readProperty(napi_env env, napi_value object, const char* name, Value& value, Place place) {
  napi_value property = nullptr;
  checked(napi_get_named_property(env, object, name, &property));
  napi_valuetype type;
  napi_typeof(env, property, &type);
  if (type != napi_undefined) readField(env, property, value, place);
}
/// An array of objects { kind, function, alpha?, beta?, input? }; see ChainLink in types/native.ts.
inline void readField(napi_env env, napi_value value, ChainLinks& field, Place place) {
  std::uint32_t length = readArrayLength(env, value, place, "an array of links");
  if (length > ChainLinks::capacity) {
    fail(ErrorKind::value, place.op, ": ", place.field, " has ", length, " entries, expected at most ",
         ChainLinks::capacity);
  }
  field = ChainLinks();
  for (std::uint32_t i = 0; i < length; i++) {
    napi_value entry = readElement(env, value, i);
    napi_valuetype type;
    napi_typeof(env, entry, &type);
    if (type != napi_object)
      fail(ErrorKind::value, place.op, ": ", place.field, " holds ", typeName(env, entry), ", expected links");
    ChainLink link;
    readProperty(env, entry, "kind", link.kind, {place.op, "kind"});
    if (link.kind == LinkKind::binary || link.kind == LinkKind::swapped) {
      readProperty(env, entry, "function", link.binary, {place.op, "function"});
    } else {
      readProperty(env, entry, "function", link.unary, {place.op, "function"});
    }
    readProperty(env, entry, "alpha", link.alpha, {place.op, "alpha"});
    readProperty(env, entry, "beta", link.beta, {place.op, "beta"});
    readProperty(env, entry, "input", link.input, {place.op, "input"});
    field.push(link);
  }
}

/// The tensor of a handle; undefined for 0, null and undefined where it may be absent.
inline Tensor readTensor(napi_env env, const Environment& environment, napi_value value, Place place,
                         bool isOptional = false) {
  napi_valuetype type;
  napi_typeof(env, value, &type);
  double handle = 0;
  if (type == napi_number) napi_get_value_double(env, value, &handle);
  bool isAbsent = type == napi_undefined || type == napi_null || (type == napi_number && handle == 0);
  if (isAbsent && isOptional) return Tensor();
  if (type != napi_number || isAbsent) {
    fail(ErrorKind::value, place.op, ": ", place.field, " is ", isAbsent ? "missing" : typeName(env, value),
         ", expected a tensor");
  }
  try {
    return environment.handles.get(handle);
  } catch (const Error& error) { throw Error(error.kind, text(place.op, ": ", place.field, ": ", error.what())); }
}

inline napi_value toJs(napi_env env, double number) {
  napi_value value;
  napi_create_double(env, number, &value);
  return value;
}
inline napi_value toJs(napi_env env, bool boolean) {
  napi_value value;
  napi_get_boolean(env, boolean, &value);
  return value;
}
inline napi_value toJs(napi_env env, std::string_view string) {
  napi_value value;
  napi_create_string_utf8(env, string.data(), string.size(), &value);
  return value;
}
inline napi_value toJs(napi_env env, const Dims& dims) {
  napi_value array;
  napi_create_array_with_length(env, static_cast<std::size_t>(dims.size()), &array);
  for (int i = 0; i < dims.size(); i++)
    checked(napi_set_element(env, array, static_cast<std::uint32_t>(i), toJs(env, static_cast<double>(dims[i]))));
  return array;
}
/// Handles of new tensors.
inline napi_value toJs(napi_env env, Environment& environment, const Tensors& tensors) {
  napi_value array;
  napi_create_array_with_length(env, tensors.size(), &array);
  for (std::size_t i = 0; i < tensors.size(); i++) {
    checked(napi_set_element(env, array, static_cast<std::uint32_t>(i), toJs(env, environment.add(tensors[i]))));
  }
  return array;
}
inline napi_value undefined(napi_env env) {
  napi_value value;
  napi_get_undefined(env, &value);
  return value;
}

/// The arguments of one call; those that were not given are undefined.
template <std::size_t N>
struct Arguments {
  napi_value values[N > 0 ? N : 1];
  Arguments(napi_env env, napi_callback_info info) {
    std::size_t count = N;
    napi_get_cb_info(env, info, &count, values, nullptr, nullptr);
  }
  napi_value operator[](std::size_t i) const { return values[i]; }
};

}  // namespace cnn
