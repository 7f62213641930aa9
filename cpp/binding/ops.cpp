// One JavaScript function for each op, all made from one template: inputs first, then fields, then dynamic fields.
#include <optional>

#include "arguments.hpp"
#include "core/autocast.hpp"
#include "exports.hpp"
#include "ops/names.hpp"

namespace cnn {

namespace {

template <class O>
constexpr std::size_t argumentCount() {
  return static_cast<std::size_t>(countWords(O::inputs) == 0 ? 1 : countWords(O::inputs)) +
         std::tuple_size_v<decltype(O::fields())> + std::tuple_size_v<decltype(O::dynamicFields())>;
}

template <class O>
Tensors readInputs(napi_env env, const Environment& environment, const napi_value* values) {
  Tensors inputs;
  std::optional<std::uint32_t> first;  // length of the first list: the others are as long, or empty
  forEachWord(O::inputs, [&](Word word, int i) {
    Place place{O::name, word.name};
    if (word.isList) {
      std::uint32_t length = readArrayLength(env, values[i], place, "an array of tensors");
      if (!first) first = length;
      if (length != *first && length != 0) {
        fail(ErrorKind::value, O::name, ": ", word.name, " has ", length, " tensors, expected ", *first,
             " as the first list has");
      }
      for (std::uint32_t k = 0; k < length; k++) {
        napi_value entry = readElement(env, values[i], k);
        inputs.push_back(readTensor(env, environment, entry, place));
      }
    } else {
      inputs.push_back(readTensor(env, environment, values[i], place, word.isOptional));
    }
  });
  return inputs;
}

template <class O>
napi_value call(napi_env env, napi_callback_info info) {
  return guarded(env, [&]() -> napi_value {
    Environment& environment = Environment::of(env);
    Arguments<argumentCount<O>()> arguments(env, info);
    const napi_value* next = arguments.values;
    DevicePtr device;
    Tensors inputs;
    if constexpr (countWords(O::inputs) == 0) {
      device = environment.device(readString(env, *next++, {O::name, "device"}));
    } else {
      inputs = readInputs<O>(env, environment, next);
      next += countWords(O::inputs);
    }
    O op;
    auto read = [&](const auto& field) { readField(env, *next++, op.*field.member, {O::name, field.name}); };
    std::apply([&](const auto&... fields) { (read(fields), ...); }, O::fields());
    std::apply([&](const auto&... fields) { (read(fields), ...); }, O::dynamicFields());
    if (environment.session.autocast) inputs = autocast(environment.session, op, std::move(inputs));
    if constexpr (O::failsByValue) environment.session.setSite(environment.captureSite());
    Tensors outputs = apply(environment.session, op, inputs, device);
    if constexpr (O::failsByValue) environment.session.setSite(nullptr);
    if constexpr (countWords(O::outputs) == 0) return undefined(env);
    if constexpr (countWords(O::outputs) == 1) return toJs(env, environment.add(std::move(outputs[0])));
    outputs.resize(static_cast<std::size_t>(countWords(O::outputs)));
    return toJs(env, environment, outputs);
  });
}

// What `npm run build` turns into types/native.d.ts.
template <class Value>
std::string typeOf() {
  if constexpr (std::is_same_v<Value, bool>) return "boolean";
  if constexpr (std::is_same_v<Value, Dims>) return "readonly number[]";
  if constexpr (std::is_same_v<Value, DType>) return "DType";
  if constexpr (std::is_same_v<Value, ChainLinks>) return "readonly ChainLink[]";
  if constexpr (std::is_enum_v<Value> && !std::is_same_v<Value, DType>) return std::string(EnumNames<Value>::type);
  return "number";
}

template <class O>
Napi::Object describeOp(Napi::Env env, Napi::Object enums) {
  auto object = Napi::Object::New(env);
  object.Set("name", std::string(O::name));
  object.Set("inputs", std::string(O::inputs));
  object.Set("outputs", std::string(O::outputs));
  auto fields = Napi::Array::New(env);
  auto put = [&]<class Owner, class Value>(const Field<Owner, Value>& field) {
    auto entry = Napi::Object::New(env);
    entry.Set("name", std::string(field.name));
    entry.Set("type", typeOf<Value>());
    fields.Set(fields.Length(), entry);
    if constexpr (std::is_enum_v<Value> && !std::is_same_v<Value, DType>)
      enums.Set(std::string(EnumNames<Value>::type), std::string(EnumNames<Value>::list));
  };
  std::apply([&](const auto&... each) { (put(each), ...); }, O::fields());
  std::apply([&](const auto&... each) { (put(each), ...); }, O::dynamicFields());
  object.Set("fields", fields);
  return object;
}

template <class... O>
void exportAll(Napi::Env env, Napi::Object exports, std::type_identity<std::variant<O...>>) {
  auto ops = Napi::Object::New(env);
  (define(env, ops, O::name, call<O>), ...);
  exports.Set("ops", ops);
  exports.Set("describe", Napi::Function::New(env, [](const Napi::CallbackInfo& info) -> Napi::Value {
                auto result = Napi::Object::New(info.Env());
                auto list = Napi::Array::New(info.Env());
                auto enums = Napi::Object::New(info.Env());
                (list.Set(list.Length(), describeOp<O>(info.Env(), enums)), ...);
                result.Set("ops", list);
                result.Set("enums", enums);
                return result;
              }));
}

}  // namespace

void exportOps(Napi::Env env, Napi::Object exports) { exportAll(env, exports, std::type_identity<Op>{}); }

}  // namespace cnn
