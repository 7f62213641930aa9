// Builds, with the real cuDNN and no device, the plans of the graphs that the calls on standard input need: the op, its
// gradients and the fusions around it, each distinct one once. One line a plan on standard output, tab-separated:
//   architecture, type, graph, call, `plan`, engine, workspace bytes, `tensorCores`, `compiled`, milliseconds of
//   processor time architecture, type, graph, call, `declined`, reason, , , , milliseconds
//
// plans --architectures 80,90 --types float32,tf32,float16,bfloat16 --batch 32 --compiled 1 --fusions 1 < calls
//   --compiled n: of the graphs that are compiled at run time every n-th for each architecture and type, others than
//   for the one before
//   --fusions n: likewise of the compiled fusions; 0: none
//   --first i: this run is for the i-th architecture of several
#include <ctime>
#include <iostream>
#include <set>
#include <sstream>

#include "backends/cuda/plans/plans.hpp"
#include "base/error.hpp"
#include "described.hpp"
#include "signature.hpp"

namespace {

using namespace cnn;
using cuda::graph::Planned;
using cuda::graph::Target;
using cuda::plans::Epilogue;

struct Mode {
  std::string name;
  DType dtype;
  bool tf32;
};

constexpr std::string_view modeNames = "float32, tf32, float16 or bfloat16";

Mode modeOf(const std::string& name) {
  if (name == "float32") return {name, DType::float32, false};
  if (name == "tf32") return {name, DType::float32, true};
  if (name == "float16") return {name, DType::float16, true};
  if (name == "bfloat16") return {name, DType::bfloat16, true};
  fail(ErrorKind::value, "type ", name, ", expected ", modeNames);
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

struct Sampling {
  Index compiled = 1, fusions = 1;
};

// Asks for the plans of one architecture in one type, each distinct one once.
class Asker {
 public:
  Asker(int architecture, Mode mode, Sampling sampling, Index firstCompiled, Index firstFusion)
      : architecture_(architecture),
        mode_(std::move(mode)),
        compiled_(firstCompiled),
        fusions_(firstFusion),
        sampling_(sampling) {
    CudaOptions options;
    options.allowTf32 = mode_.tf32;
    target_ = cuda::graph::describedTarget(architecture, options);
    options.benchmark = true;
    patient_ = cuda::graph::describedTarget(architecture, options);
  }

  void askAll(const Call& call) {
    std::visit([&](const auto& op) { ask(op, call); }, call.op);
  }

 private:
  template <class O>
  void ask(const O&, const Call&) {}

  void ask(const Conv& op, const Call& call) {
    TensorDesc x = typed(call.inputs[0]), weight = typed(call.inputs[1]), y = typed(call.outputs[0]);
    forward(op, x, weight, y, {.hasBias = call.inputs[2].defined}, call.inputs[2].defined ? "conv+bias" : "conv");
    if (call.inputs[2].defined) forward(op, x, weight, y, {}, "conv");
    data({.stride = op.stride,
          .padding = op.padding,
          .paddingEnd = op.paddingEnd,
          .dilation = op.dilation,
          .groups = op.groups,
          .inputSize = x.shape.slice(2)},
         y, weight, x);
    weights(op, x, y, weight);
    Unary relu{.function = UnaryFunction::relu}, relu6{.function = UnaryFunction::relu6},
        silu{.function = UnaryFunction::silu};
    forward(op, x, weight, y, {.hasBias = true, .activation = relu}, "conv+bias+relu");
    fusion(op, x, weight, y, {.hasBias = true, .activation = relu6}, "conv+bias+relu6");
    fusion(op, x, weight, y, {.hasBias = true, .activation = silu}, "conv+bias+silu");
    fusion(op, x, weight, y, {.hasScale = true, .hasBias = true, .activation = relu}, "conv+scale+bias+relu");
    fusion(op, x, weight, y, {.hasBias = true, .hasResidual = true, .activation = relu}, "conv+bias+residual+relu");
  }

  void ask(const ConvBackwardData& op, const Call& call) {
    TensorDesc dy = typed(call.inputs[0]), weight = typed(call.inputs[1]), dx = typed(call.outputs[0]);
    data(op, dy, weight, dx);
    Conv conv{.stride = op.stride,
              .padding = op.padding,
              .paddingEnd = op.paddingEnd,
              .dilation = op.dilation,
              .groups = op.groups};
    forward(conv, dx, weight, dy, {}, "conv");
    weights(conv, dx, dy, weight);
  }

  void ask(const MaxPool& op, const Call& call) {
    TensorDesc x = typed(call.inputs[0]), y = typed(call.outputs[0]);
    MaxPoolBackward backward{.kernelSize = op.kernelSize,
                             .stride = op.stride,
                             .padding = op.padding,
                             .dilation = op.dilation,
                             .ceilMode = op.ceilMode,
                             .returnIndices = op.returnIndices,
                             .inputSize = x.shape.slice(2)};
    compiled("maxPool", op, {x}, [&] { return cuda::plans::maxPool(op, x, y, patient_); });
    compiled("maxPoolBackward", backward, {y}, [&] { return cuda::plans::maxPoolBackward(backward, y, x, patient_); });
  }

  void ask(const AvgPool& op, const Call& call) {
    TensorDesc x = typed(call.inputs[0]), y = typed(call.outputs[0]);
    AvgPoolBackward backward{.kernelSize = op.kernelSize,
                             .stride = op.stride,
                             .padding = op.padding,
                             .ceilMode = op.ceilMode,
                             .countIncludePad = op.countIncludePad,
                             .divisor = op.divisor,
                             .inputSize = x.shape.slice(2)};
    compiled("avgPool", op, {x}, [&] { return cuda::plans::avgPool(op, x, y, patient_); });
    compiled("avgPoolBackward", backward, {y}, [&] { return cuda::plans::avgPoolBackward(backward, y, x, patient_); });
  }

  void ask(const BatchNorm& op, const Call& call) {
    if (!op.training || call.inputs[0].rank() > 5) return;  // own kernels
    TensorDesc x = typed(call.inputs[0]);
    bool isTracking = call.inputs[3].defined;
    compiled(isTracking ? "batchNorm+running" : "batchNorm", op, {x},
             [&] { return cuda::plans::batchNorm(x, isTracking, target_); });
    compiled("batchNormBackward", op, {x}, [&] { return cuda::plans::batchNormBackward(x, target_); });
  }

  // Types differ, but not products: TF32 is for those.
  template <class O, class Make>
  void compiled(const std::string& graph, const O& op, std::initializer_list<TensorDesc> inputs, Make make) {
    if (mode_.name == "tf32" || !isNew(graph, op, inputs)) return;
    if (compiled_++ % sampling_.compiled == 0) answer(graph, make);
  }
  void fusion(const Conv& op, const TensorDesc& x, const TensorDesc& weight, const TensorDesc& y,
              const Epilogue& epilogue, const char* name) {
    if (sampling_.fusions == 0 || !isNew(name, op, {x, weight})) return;
    if (fusions_++ % sampling_.fusions == 0)
      answer(name, [&] { return cuda::plans::conv(op, x, weight, y, epilogue, patient_); });
  }
  void forward(const Conv& op, const TensorDesc& x, const TensorDesc& weight, const TensorDesc& y,
               const Epilogue& epilogue, const char* name) {
    report(name, op, {x, weight}, [&] { return cuda::plans::conv(op, x, weight, y, epilogue, target_); });
  }
  void data(const ConvBackwardData& op, const TensorDesc& dy, const TensorDesc& weight, const TensorDesc& dx) {
    report("convBackwardData", op, {dy, weight},
           [&] { return cuda::plans::convBackwardData(op, dy, weight, dx, target_); });
  }
  void weights(const Conv& op, const TensorDesc& x, const TensorDesc& dy, const TensorDesc& dw) {
    ConvBackwardWeight backward{.stride = op.stride,
                                .padding = op.padding,
                                .paddingEnd = op.paddingEnd,
                                .dilation = op.dilation,
                                .groups = op.groups,
                                .kernelSize = dw.shape.slice(2)};
    report("convBackwardWeight", backward, {x, dy},
           [&] { return cuda::plans::convBackwardWeight(backward, x, dy, dw, target_); });
  }

  TensorDesc typed(TensorDesc desc) const {
    desc.dtype = mode_.dtype;
    return desc;
  }

  template <class O, class Make>
  void report(const std::string& graph, const O& op, std::initializer_list<TensorDesc> inputs, Make make) {
    if (isNew(graph, op, inputs)) answer(graph, make);
  }

  // Leaves the words of the call for the answer.
  template <class O>
  bool isNew(const std::string& graph, const O& op, std::initializer_list<TensorDesc> inputs) {
    std::ostringstream words;
    for (const TensorDesc& desc : inputs) {
      if (desc.elements() == 0) return false;  // the backend has nothing to do
      words << toString(desc.shape) << " ";
    }
    print(op, words);
    words_ = words.str();
    return asked_.insert(graph + words_).second;
  }

  template <class Make>
  void answer(const std::string& graph, Make make) {
    std::clock_t start = std::clock();  // of this process: what else the machine does is not measured
    Planned planned = make();
    double milliseconds = 1000.0 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    std::cout << architecture_ << '\t' << mode_.name << '\t' << graph << '\t' << words_ << '\t';
    if (planned) {
      const auto& engine = planned.plan->engine();
      std::cout << "plan\t" << engine.index << '\t' << planned.plan->workspaceBytes() << '\t'
                << (engine.has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE) ? "tensorCores" : "") << '\t'
                << (engine.has(CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION) ? "compiled" : "");
    } else {
      for (char& c : planned.declined) c = c == '\t' || c == '\n' ? ' ' : c;
      std::cout << "declined\t" << planned.declined << "\t\t\t";
    }
    std::cout << '\t' << milliseconds << std::endl;
  }

  // Every parameter, so that calls that differ anywhere stay apart.
  template <class O>
  static void print(const O& op, std::ostringstream& words) {
    std::string_view gap;
    auto put = [&](std::string_view name, const auto& value) {
      words << gap << name << "=" << text(value);
      gap = " ";
    };
    std::apply([&](const auto&... fields) { (put(fields.name, op.*fields.member), ...); }, O::fields());
  }

  int architecture_;
  Mode mode_;
  Index compiled_, fusions_;  // how many there were
  Sampling sampling_;
  Target target_, patient_;  // patient: with autotune, so that compilers may run
  std::set<std::string> asked_;
  std::string words_;
};

}  // namespace

int main(int count, char** arguments) {
  try {
    std::vector<std::string> architectures = {"80", "90", "100", "120"},
                             types = {"float32", "tf32", "float16", "bfloat16"};
    Index batch = 32;
    Sampling sampling;
    Index first = 0;
    for (int i = 1; i < count; i++) {
      std::string name = arguments[i];
      if (i + 1 == count) fail(ErrorKind::value, name, " has no value");
      std::string value = arguments[++i];
      if (name == "--architectures") architectures = split(value);
      else if (name == "--types") types = split(value);
      else if (name == "--batch") batch = std::stoll(value);
      else if (name == "--first") first = std::stoll(value);
      else if (name == "--compiled") sampling.compiled = std::max<Index>(1, std::stoll(value));
      else if (name == "--fusions") sampling.fusions = std::stoll(value);
      else fail(ErrorKind::value, "unknown option ", name);
    }
    std::vector<Call> calls;
    for (std::string line; std::getline(std::cin, line);) {
      if (!line.empty() && line[0] != '#') calls.push_back(parseCall(line, batch));
    }
    // Where the samples of the first type begin, in a run that is one of several.
    Index compiled = first * 3, fusions = first * 4;
    for (const std::string& architecture : architectures) {
      for (const std::string& type : types) {
        Asker asker(std::stoi(architecture), modeOf(type), sampling, compiled, fusions++);
        compiled += type != "tf32";
        for (const Call& call : calls) asker.askAll(call);
      }
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
