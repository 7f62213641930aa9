// Three ways to save memory and copies: a tensor's next value is made in the tensor, pieces are made at their place in
// the whole, and an output takes the memory of an input that nobody reads any more.
#include "aliasing.hpp"

#include <algorithm>

#include "ops/names.hpp"

namespace cnn::graph {

int Aliasing::rootOf(int id) const {
  while (!isRoot(id)) id = aliases[static_cast<std::size_t>(id)].of;
  return id;
}

std::size_t Aliasing::offsetOf(int id) const {
  std::size_t offset = 0;
  for (; id >= 0; id = aliases[static_cast<std::size_t>(id)].of) offset += aliases[static_cast<std::size_t>(id)].offset;
  return offset;
}

namespace {

class Aliaser {
 public:
  explicit Aliaser(const Draft& draft) : steps_(draft.steps), buffers_(draft.buffers) {
    made_.lives.resize(buffers_.size());
    made_.aliases.resize(buffers_.size());
    made_.isElided.resize(steps_.size());
  }

  Aliasing make() {
    findLives();
    for (std::size_t s = 0; s < steps_.size(); s++) storeInPlace(s);
    for (std::size_t s = 0; s < steps_.size(); s++) gatherInPlace(s);
    for (std::size_t s = 0; s < steps_.size(); s++) reuseInput(s);
    return std::move(made_);
  }

 private:
  Aliasing::Life& life(int id) { return made_.lives[static_cast<std::size_t>(id)]; }
  Aliasing::Alias& alias(int id) { return made_.aliases[static_cast<std::size_t>(id)]; }
  const Buffer& buffer(int id) const { return buffers_[static_cast<std::size_t>(id)]; }
  int rootOf(int id) const { return made_.rootOf(id); }
  /// Memory of the arena that lies in no other.
  bool isFree(int id) const { return buffer(id).kind == Reference::Kind::arena && made_.isRoot(id); }

  void findLives() {
    for (std::size_t s = 0; s < steps_.size(); s++) {
      for (int id : steps_[s].outputs) {
        if (id < 0) continue;
        if (life(id).last < 0) life(id).first = static_cast<int>(s);
        life(id).last = static_cast<int>(s);
      }
      for (int id : steps_[s].inputs) {
        if (id >= 0) life(id).last = static_cast<int>(s);
      }
    }
  }

  bool uses(const DraftStep& step, int root) const {
    auto isRoot = [&](int id) { return id >= 0 && rootOf(id) == root; };
    return std::any_of(step.inputs.begin(), step.inputs.end(), isRoot) ||
           std::any_of(step.outputs.begin(), step.outputs.end(), isRoot);
  }

  // Of all that a step reads, only input i lies there, in the layout and size of output 0: element k of one lies where
  // element k of the other lies.
  bool isReplaceable(const DraftStep& step, int i) const {
    int root = rootOf(step.inputs[static_cast<std::size_t>(i)]);
    const TensorDesc &from = step.inputDescs[static_cast<std::size_t>(i)], &to = step.kernel->outputs[0];
    bool isAlike = from.layout == to.layout && from.shape == to.shape && from.dtype == to.dtype;
    return isAlike && std::count_if(step.inputs.begin(), step.inputs.end(),
                                    [&](int other) { return other >= 0 && rootOf(other) == root; }) == 1;
  }

  // What is made only to be copied over a tensor (a counter's next value) is made there.
  void storeInPlace(std::size_t s) {
    const DraftStep& copy = steps_[s];
    if (!std::holds_alternative<Copy>(copy.op) || copy.inputDescs[0].layout != copy.inputDescs[1].layout) return;
    const int target = rootOf(copy.inputs[0]), source = copy.inputs[1];
    const bool isOnlyCopied = isFree(source) && !buffer(source).isMutated && life(source).last == static_cast<int>(s);
    if (!isOnlyCopied || buffer(target).kind != Reference::Kind::captured) return;
    // Between the two nobody may want what the tensor held before; who makes the value may read it element by element.
    const int first = life(source).first;
    if (std::any_of(steps_.begin() + first + 1, steps_.begin() + static_cast<int>(s),
                    [&](const DraftStep& step) { return uses(step, target); }))
      return;
    const DraftStep& maker = steps_[static_cast<std::size_t>(first)];
    if (failsByValue(maker.op)) return;  // the tensor keeps its values then
    const std::vector<int>& inputs = maker.kernel->inPlace;
    bool isInPlace = maker.outputs[0] == source && std::any_of(inputs.begin(), inputs.end(), [&](int i) {
                       return i < static_cast<int>(maker.inputs.size()) &&
                              maker.inputs[static_cast<std::size_t>(i)] >= 0 &&
                              rootOf(maker.inputs[static_cast<std::size_t>(i)]) == target && isReplaceable(maker, i);
                     });
    if (uses(maker, target) && !isInPlace) return;
    alias(source).of = target;
    made_.isElided[s] = true;
  }

  // What is only put side by side is made at its place, and need not be copied there.
  void gatherInPlace(std::size_t s) {
    const DraftStep& step = steps_[s];
    const std::vector<std::size_t>& pieces = step.kernel->pieces;
    if (pieces.empty() || step.isConstant) return;
    const int whole = step.outputs[0];
    if (buffer(whole).isMutated) return;
    for (int part : step.inputs) {
      bool isOnce = std::count(step.inputs.begin(), step.inputs.end(), part) == 1;
      if (!isOnce || !isFree(part) || buffer(part).isMutated) return;
    }
    for (std::size_t i = 0; i < step.inputs.size(); i++) {
      const int part = step.inputs[i];
      alias(part) = {whole, pieces[i]};
      life(whole).first = std::min(life(whole).first, life(part).first);
      life(whole).last = std::max(life(whole).last, life(part).last);
    }
    made_.isElided[s] = true;
  }

  // An input that is read for the last time gives its memory to the output.
  void reuseInput(std::size_t s) {
    const DraftStep& step = steps_[s];
    if (step.isConstant || made_.isElided[s] || step.outputs.empty()) return;
    const int output = step.outputs[0];
    if (!isFree(output)) return;
    for (int i : step.kernel->inPlace) {
      if (i >= static_cast<int>(step.inputs.size())) continue;
      const int input = step.inputs[static_cast<std::size_t>(i)];
      if (input < 0) continue;
      const int root = rootOf(input);
      bool isReadLast = buffer(root).kind == Reference::Kind::arena && life(root).last == static_cast<int>(s);
      if (!isReadLast || !isReplaceable(step, i) || buffer(input).bytes < buffer(output).bytes) continue;
      alias(output) = {root, made_.offsetOf(input)};
      life(root).last = std::max(life(root).last, life(output).last);
      return;
    }
  }

  const std::vector<DraftStep>& steps_;
  const std::vector<Buffer>& buffers_;
  Aliasing made_;
};

}  // namespace

Aliasing findAliases(const Draft& draft) { return Aliaser(draft).make(); }

}  // namespace cnn::graph
