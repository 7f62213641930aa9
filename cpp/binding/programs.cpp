// Compiled functions across the border: recording, running, printing and timing them.
#include "arguments.hpp"
#include "exports.hpp"
#include "graph/passes/passes.hpp"
#include "graph/program.hpp"

namespace cnn {

namespace {

Tensors tensorsArgument(napi_env env, napi_value value, std::string_view field) {
  Tensors tensors;
  std::uint32_t length = readArrayLength(env, value, {"compile", field}, "an array of tensors");
  for (std::uint32_t i = 0; i < length; i++) {
    napi_value entry = readElement(env, value, i);
    tensors.push_back(readTensor(env, Environment::of(env), entry, {"compile", field}));
  }
  return tensors;
}

std::vector<double> numbersArgument(napi_env env, napi_value value, std::string_view field) {
  std::vector<double> numbers;
  std::uint32_t length = readArrayLength(env, value, {"compile", field}, "an array of numbers");
  for (std::uint32_t i = 0; i < length; i++) {
    napi_value entry = readElement(env, value, i);
    numbers.push_back(readNumber(env, entry, {"compile", field}));
  }
  return numbers;
}

graph::Program& programArgument(napi_env env, napi_value value) {
  auto& programs = Environment::of(env).programs;
  auto found = programs.find(readInteger(env, value, {"compile", "program"}));
  if (found == programs.end()) fail(ErrorKind::disposed, "this program was disposed");
  return *found->second;
}

graph::Recorder& recorderOf(Environment& environment) {
  if (!environment.recorder) fail(ErrorKind::value, "compile: nothing is recorded now");
  return *environment.recorder;
}

// beginTrace(inputs): from now on ops are recorded instead of run
napi_value beginTrace(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Environment& environment = Environment::of(env);
    environment.recorder = std::make_unique<graph::Recorder>(
        environment.session, tensorsArgument(env, Arguments<1>(env, info)[0], "inputs"));
    return undefined(env);
  });
}

// endTrace(results, captured, isLoose, microBatch) → a program
napi_value endTrace(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Environment& environment = Environment::of(env);
    Arguments<4> arguments(env, info);
    Tensors results = tensorsArgument(env, arguments[0], "results"),
            captured = tensorsArgument(env, arguments[1], "captured");
    bool isLoose = false;
    readField(env, arguments[2], isLoose, {"compile", "isLoose"});
    Index samples = readInteger(env, arguments[3], {"compile", "microBatch"});
    graph::Recording recording = recorderOf(environment).finish(results, captured);
    environment.recorder.reset();
    Index id = environment.nextProgram++;
    const Tolerance tolerance = isLoose ? Tolerance::loose : Tolerance::tight;
    environment.programs.emplace(
        id, std::make_shared<graph::Program>(std::move(recording), environment.constants, tolerance, samples));
    return toJs(env, static_cast<double>(id));
  });
}

// abortTrace(): gradients and random numbers are as they were
napi_value abortTrace(napi_env env, napi_callback_info) {
  return guarded(env, [&] {
    Environment::of(env).recorder.reset();
    return undefined(env);
  });
}

// pauseTrace(isPaused): ops run although a function is recorded
napi_value pauseTrace(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Environment& environment = Environment::of(env);
    bool isPaused = false;
    readField(env, Arguments<1>(env, info)[0], isPaused, {"compile", "isPaused"});
    environment.session.trace = isPaused ? nullptr : &recorderOf(environment);
    return undefined(env);
  });
}

napi_value provideDynamic(napi_env env, napi_callback_info) {
  return guarded(env,
                 [&] { return toJs(env, static_cast<double>(recorderOf(Environment::of(env)).provideDynamic())); });
}

napi_value programHolds(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<2> arguments(env, info);
    return toJs(env, programArgument(env, arguments[0]).holds(tensorsArgument(env, arguments[1], "inputs")));
  });
}

napi_value runProgram(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<3> arguments(env, info);
    Environment& environment = Environment::of(env);
    graph::Program& program = programArgument(env, arguments[0]);
    Tensors inputs = tensorsArgument(env, arguments[1], "inputs");
    std::vector<double> dynamics = numbersArgument(env, arguments[2], "dynamics");
    return toJs(env, environment, program.run(environment.session, inputs, dynamics));
  });
}

// prepareProgram(program, inputs) → a promise that the plan is made
napi_value prepareProgram(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<2> arguments(env, info);
    Environment& environment = Environment::of(env);
    graph::Program& program = programArgument(env, arguments[0]);
    Tensors inputs = tensorsArgument(env, arguments[1], "inputs");
    return environment.promise([](napi_env env) { return undefined(env); },
                               [&](const SettlementPtr& settlement) {
                                 program.prepareAhead(
                                     environment.session, inputs,
                                     [settler = environment.settler(), settlement](const FailurePtr& failure) {
                                       settler->settle(settlement, failure);
                                     });
                               });
  });
}

// profileProgram(program, inputs, dynamics) → a promise of [{ name, detail, seconds, multiplyAdds, bytes }], an entry a
// step
napi_value profileProgram(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<3> arguments(env, info);
    Environment& environment = Environment::of(env);
    graph::Program& program = programArgument(env, arguments[0]);
    Tensors inputs = tensorsArgument(env, arguments[1], "inputs");
    std::vector<double> dynamics = numbersArgument(env, arguments[2], "dynamics");
    auto profile = std::make_shared<std::vector<graph::StepProfile>>();
    auto value = [profile](napi_env env) -> napi_value {
      auto list = Napi::Array::New(env);
      for (const graph::StepProfile& step : *profile) {
        auto entry = Napi::Object::New(env);
        entry.Set("name", step.name);
        entry.Set("detail", step.detail);
        entry.Set("seconds", step.seconds);
        entry.Set("multiplyAdds", step.multiplyAdds);
        entry.Set("bytes", step.bytes);
        list.Set(list.Length(), entry);
      }
      return list;
    };
    return environment.promise(value, [&](const SettlementPtr& settlement) {
      program.profile(environment.session, inputs, dynamics,
                      [settler = environment.settler(), settlement, profile](std::vector<graph::StepProfile> steps,
                                                                             const FailurePtr& failure) {
                        *profile = std::move(steps);
                        settler->settle(settlement, failure);
                      });
    });
  });
}

// programText(program, passes) → one node a line; after so many passes, −1: after all
napi_value programText(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<2> arguments(env, info);
    const graph::Program& program = programArgument(env, arguments[0]);
    Index passes = readInteger(env, arguments[1], {"compile", "passes"});
    return toJs(env,
                std::string_view(passes < 0 ? program.text() : program.textAfter(static_cast<std::size_t>(passes))));
  });
}

napi_value passNames(napi_env env, napi_callback_info) {
  return guarded(env, [&] {
    auto names = Napi::Array::New(env);
    for (const graph::NamedPass& pass : graph::passes()) names.Set(names.Length(), std::string(pass.name));
    return napi_value(names);
  });
}

napi_value programFigures(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    graph::ProgramFigures figures = programArgument(env, Arguments<1>(env, info)[0]).figures();
    auto object = Napi::Object::New(env);
    object.Set("recordedNodes", static_cast<double>(figures.recordedNodes));
    object.Set("nodes", static_cast<double>(figures.nodes));
    object.Set("steps", static_cast<double>(figures.steps));
    object.Set("reorders", static_cast<double>(figures.reorders));
    object.Set("constantSteps", static_cast<double>(figures.constantSteps));
    object.Set("arenaBytes", static_cast<double>(figures.arenaBytes));
    object.Set("constantBytes", static_cast<double>(figures.constantBytes));
    object.Set("microBatch", static_cast<double>(figures.microBatch));
    object.Set("resultBytes", static_cast<double>(figures.resultBytes));
    return napi_value(object);
  });
}

napi_value disposeProgram(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Environment::of(env).programs.erase(readInteger(env, Arguments<1>(env, info)[0], {"compile", "program"}));
    return undefined(env);
  });
}

}  // namespace

void exportPrograms(Napi::Env env, Napi::Object exports) {
  define(env, exports, "beginTrace", beginTrace);
  define(env, exports, "endTrace", endTrace);
  define(env, exports, "abortTrace", abortTrace);
  define(env, exports, "pauseTrace", pauseTrace);
  define(env, exports, "provideDynamic", provideDynamic);
  define(env, exports, "programHolds", programHolds);
  define(env, exports, "runProgram", runProgram);
  define(env, exports, "prepareProgram", prepareProgram);
  define(env, exports, "profileProgram", profileProgram);
  define(env, exports, "programText", programText);
  define(env, exports, "passNames", passNames);
  define(env, exports, "programFigures", programFigures);
  define(env, exports, "disposeProgram", disposeProgram);
}

}  // namespace cnn
