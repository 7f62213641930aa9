// References become pointers, and kernels run.
#include "launch.hpp"

#include <algorithm>
#include <chrono>

#include "base/error.hpp"
#include "core/client.hpp"
#include "ops/names.hpp"
#include "ops/print.hpp"
#include "work.hpp"

namespace cnn::graph {

void* Launch::pointer(const Reference& reference) const {
  auto within = [&](void* memory) -> void* { return static_cast<std::byte*>(memory) + reference.offset; };
  switch (reference.kind) {
    case Reference::Kind::none: return nullptr;
    case Reference::Kind::input: return within(inputs[reference.at]);
    case Reference::Kind::captured: return captured[reference.at];
    case Reference::Kind::constant: return constants[reference.at];
    case Reference::Kind::result: return within(results[reference.at]);
    case Reference::Kind::arena: return within(arena + reference.at);
  }
  return nullptr;
}

const Op& Launch::opOf(const std::vector<Step>& steps, std::size_t s) const {
  auto found = std::lower_bound(bound.begin(), bound.end(), s,
                                [](const auto& each, std::size_t step) { return each.first < step; });
  return found != bound.end() && found->first == s ? found->second : steps[s].op;
}

void Launch::run(const std::vector<Step>& steps, std::size_t from, std::size_t to) const {
  std::vector<void*> pointers;
  for (std::size_t s = from; s < to; s++) {
    Client::checkStays();
    const Step& step = steps[s];
    const Op& op = opOf(steps, s);
    pointers.clear();
    for (const Reference& reference : step.inputs) pointers.push_back(pointer(reference));
    for (const Reference& reference : step.outputs) pointers.push_back(pointer(reference));
    std::span<void* const> all(pointers);
    try {
      step.kernel->run(
          Run{op, all.first(step.inputs.size()), all.subspan(step.inputs.size()), pointer(step.workspace)});
    } catch (const std::exception& exception) {
      const Error error = asError(exception);
      throw QueuedError(
          error.saying(cnn::text(error.what(), " — in ", describe(op, step.inputDescs), " of a compiled function")),
          step.site);
    }
  }
}

void Launch::runAll() const {
  run(plan->steps);
  plan->hasRun = true;
}

std::vector<StepProfile> Launch::profile(const std::vector<Step>& steps, Backend& backend) const {
  std::vector<StepProfile> profile;
  backend.finish();
  for (std::size_t s = 0; s < steps.size(); s++) {
    const Step& step = steps[s];
    auto start = std::chrono::steady_clock::now();
    run(steps, s, s + 1);
    backend.finish();
    std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    profile.push_back({std::string(nameOf(step.op)), describe(step.op, step.inputDescs), seconds.count(),
                       multiplyAdds(step.op, step.inputDescs),
                       bytesMoved(step.op, step.inputDescs, step.kernel->outputs)});
  }
  return profile;
}

}  // namespace cnn::graph
