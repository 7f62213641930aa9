// Keys and stamps of constants, and computing those that are missing or out of date.
#include "constants.hpp"

#include <algorithm>

#include "dynamics.hpp"
#include "ops/key.hpp"

namespace cnn::graph {

namespace {

std::uint64_t mixed(std::uint64_t state, std::uint64_t value) {  // a step of splitmix64
  std::uint64_t z = state + value + 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

class Fingerprint {
 public:
  void put(std::uint64_t value) {
    key_[0] = mixed(key_[0], value);
    key_[1] = mixed(key_[1] ^ value, 0x2545F4914F6CDD1Du);
  }
  void put(const std::string& bytes) {
    put(bytes.size());
    for (std::size_t i = 0; i < bytes.size(); i += sizeof(std::uint64_t)) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data() + i, std::min(sizeof word, bytes.size() - i));
      put(word);
    }
  }
  void put(double value) {
    std::uint64_t word = 0;
    std::memcpy(&word, &value, sizeof word);
    put(word);
  }
  void put(const TensorDesc& desc) {
    put(desc.defined ? static_cast<std::uint64_t>(desc.dtype) + 1 : std::uint64_t{0});
    put(std::uint64_t{desc.layout.id});
    put(static_cast<std::uint64_t>(desc.rank()));
    for (Index size : desc.shape) put(static_cast<std::uint64_t>(size));
  }
  void put(const ConstantCache::Key& key) {
    put(key[0]);
    put(key[1]);
  }
  const ConstantCache::Key& key() const { return key_; }

 private:
  ConstantCache::Key key_{1, 2};
};

}  // namespace

std::shared_ptr<ConstantCache::Constant> ConstantCache::find(const Key& key, Allocator& allocator, std::size_t bytes) {
  std::lock_guard lock(mutex_);
  if (constants_.size() >= sweepAt_) {
    std::erase_if(constants_, [](const auto& entry) { return entry.second.expired(); });
    sweepAt_ = std::max<std::size_t>(64, 2 * constants_.size());
  }
  std::weak_ptr<Constant>& known = constants_[key];
  std::shared_ptr<Constant> constant = known.lock();
  if (!constant) known = constant = std::make_shared<Constant>(allocator, bytes);
  return constant;
}

// What each constant is, and of which versions.
std::vector<Constants::Made> Constants::describe(const Sources& sources) const {
  std::vector<Made> made(plan_->constantBytes.size());
  for (const Step& step : plan_->constants) {
    Fingerprint key;
    key.put(reinterpret_cast<std::uintptr_t>(&device_));
    key.put(keyOf(step.op));
    for (double field : dynamicFields(step.op)) key.put(field);
    std::uint64_t stamp = 1;
    for (std::size_t i = 0; i < step.inputs.size(); i++) {
      const Reference& reference = step.inputs[i];
      key.put(step.inputDescs[i]);
      if (reference.kind == Reference::Kind::captured) {
        key.put(sources[reference.at].storage);
        stamp = mixed(stamp, sources[reference.at].version);
      } else if (reference.kind == Reference::Kind::constant) {
        key.put(made[reference.at].key);
        stamp = mixed(stamp, made[reference.at].stamp);
      }
    }
    for (const TensorDesc& desc : step.kernel->outputs) key.put(desc);
    for (std::size_t i = 0; i < step.outputs.size(); i++) {
      if (step.outputs[i].kind != Reference::Kind::constant) continue;
      Fingerprint own = key;
      own.put(std::uint64_t{i});
      made[step.outputs[i].at] = {own.key(), stamp | 1};
    }
  }
  return made;
}

void Constants::bind(Launch& launch, const std::shared_ptr<const Sources>& sources) {
  if (plan_->constants.empty()) return;
  if (sources_ != sources) {
    std::vector<Made> made = describe(*sources);
    for (std::size_t at = 0; at < held_.size(); at++) {
      if (plan_->isConstantKept[at])
        held_[at] = cache_->find(made[at].key, device_.allocator(), plan_->constantBytes[at]);
    }
    compute(launch, made);
    sources_ = sources;
  }
  launch.constants.assign(held_.size(), nullptr);
  for (std::size_t at = 0; at < held_.size(); at++) {
    if (held_[at]) launch.constants[at] = held_[at]->memory.memory();
  }
}

// Constants that only others read are there until the last of these is made.
void Constants::compute(const Launch& launch, const std::vector<Made>& made) {
  const std::vector<Step>& steps = plan_->constants;
  std::vector<bool> isWanted(held_.size()), isNeeded(steps.size());
  auto isStale = [&](std::size_t at) { return held_[at] && held_[at]->stamp != made[at].stamp; };
  for (std::size_t at = 0; at < held_.size(); at++) isWanted[at] = isStale(at);
  std::vector<std::size_t> lastReader(held_.size());
  for (std::size_t s = steps.size(); s-- > 0;) {
    isNeeded[s] = std::any_of(steps[s].outputs.begin(), steps[s].outputs.end(), [&](const Reference& reference) {
      return reference.kind == Reference::Kind::constant && isWanted[reference.at];
    });
    if (!isNeeded[s]) continue;
    for (const Reference& reference : steps[s].inputs) {
      if (reference.kind != Reference::Kind::constant) continue;
      lastReader[reference.at] = std::max(lastReader[reference.at], s);
      if (!held_[reference.at]) isWanted[reference.at] = true;
    }
  }
  Launch own{.plan = plan_, .captured = launch.captured, .constants = std::vector<void*>(held_.size())};
  std::vector<std::unique_ptr<Lease>> passing(held_.size());
  std::unique_ptr<Lease> arena;
  for (std::size_t s = 0; s < steps.size(); s++) {
    if (!isNeeded[s]) continue;
    if (plan_->constantArenaBytes && !arena) {
      arena = std::make_unique<Lease>(device_.allocator(), plan_->constantArenaBytes, Users::all);
      own.arena = static_cast<std::byte*>(arena->memory());
    }
    for (const auto* references : {&steps[s].inputs, &steps[s].outputs}) {
      for (const Reference& reference : *references) {
        if (reference.kind != Reference::Kind::constant) continue;
        if (!held_[reference.at] && !passing[reference.at])
          passing[reference.at] =
              std::make_unique<Lease>(device_.allocator(), plan_->constantBytes[reference.at], Users::all);
        own.constants[reference.at] =
            held_[reference.at] ? held_[reference.at]->memory.memory() : passing[reference.at]->memory();
      }
    }
    for (const Reference& reference : steps[s].outputs) {
      if (reference.kind == Reference::Kind::constant && held_[reference.at]) held_[reference.at]->stamp = 0;
    }
    own.run(steps, s, s + 1);
    for (const Reference& reference : steps[s].outputs) {
      if (reference.kind == Reference::Kind::constant && held_[reference.at])
        held_[reference.at]->stamp = made[reference.at].stamp;
    }
    for (const Reference& reference : steps[s].inputs) {
      if (reference.kind == Reference::Kind::constant && lastReader[reference.at] == s) passing[reference.at] = nullptr;
    }
  }
}

}  // namespace cnn::graph
