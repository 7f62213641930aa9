// Reads the fields of an op by its own list of them.
#include "signature.hpp"

#include <map>
#include <optional>
#include <sstream>

#include "base/error.hpp"
#include "ops/infer.hpp"
#include "ops/words.hpp"

namespace cnn {

namespace {

using Words = std::map<std::string, std::string, std::less<>>;

struct Reader {
  const std::string& line;
  Index batch;

  Dims dims(const std::string& text) const {
    Dims result;
    std::istringstream parts(text);
    for (std::string part; std::getline(parts, part, ',');) result.push(part == "N" ? batch : std::stoll(part));
    return result;
  }
  void read(const std::string& text, Dims& field) const { field = dims(text); }
  void read(const std::string& text, Index& field) const { field = std::stoll(text); }
  void read(const std::string& text, double& field) const { field = std::stod(text); }
  void read(const std::string& text, bool& field) const {
    if (text != "true" && text != "false") fail(ErrorKind::value, line, ": ", text, ", expected true or false");
    field = text == "true";
  }

  template <class O>
  Call call(O op, const Words& words) const {
    auto field = [&](const auto& each) {
      auto found = words.find(each.name);
      if (found == words.end()) fail(ErrorKind::value, line, ": ", each.name, " is missing");
      read(found->second, op.*each.member);
    };
    std::apply([&](const auto&... fields) { (field(fields), ...); }, O::fields());
    Call result{op, {}, {}};
    forEachWord(O::inputs, [&](Word word, int) {
      auto found = words.find(word.name);
      result.inputs.push_back(found == words.end() ? TensorDesc() : TensorDesc(DType::float32, dims(found->second)));
    });
    result.outputs = infer(op, result.inputs);
    return result;
  }

  template <class... Ops>
  Call anyOf(const std::string& name, const Words& words) const {
    std::optional<Call> found;
    ((name == Ops::name ? void(found = call(Ops{}, words)) : void()), ...);
    if (!found) fail(ErrorKind::value, line, ": ", name, " is no op of this list");
    return *found;
  }
};

}  // namespace

Call parseCall(const std::string& line, Index batch) {
  std::istringstream parts(line);
  std::string name;
  parts >> name;
  Words words;
  for (std::string part; parts >> part;) {
    std::size_t equals = part.find('=');
    if (equals == std::string::npos) fail(ErrorKind::value, line, ": ", part, ", expected name=value");
    words[part.substr(0, equals)] = part.substr(equals + 1);
  }
  return Reader{line, batch}.anyOf<Conv, ConvBackwardData, MaxPool, AvgPool, BatchNorm>(name, words);
}

}  // namespace cnn
