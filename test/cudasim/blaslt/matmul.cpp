// D = f(alpha·op(A)·op(B) + beta·C + bias): the checks, the heuristic, and the product in double.
#include <vector>

#include "../runtime/device.hpp"
#include "../runtime/halves.hpp"
#include "../runtime/memory.hpp"
#include "../runtime/stream.hpp"
#include "objects.hpp"

namespace cudasim::blaslt {

namespace {

struct Product {
  Description d;
  Layout a, b, c, out;
  std::uint64_t k = 0;
};

bool hasBias(std::uint32_t epilogue) { return epilogue & CUBLASLT_EPILOGUE_BIAS; }
bool hasBiasGradient(std::uint32_t epilogue) {
  return epilogue == CUBLASLT_EPILOGUE_BGRADA || epilogue == CUBLASLT_EPILOGUE_BGRADB;
}

void checkLayout(const char* name, const Layout& l) {
  if (l.order != CUBLASLT_ORDER_COL && l.order != CUBLASLT_ORDER_ROW)
    decline(CUBLAS_STATUS_NOT_SUPPORTED, name, " has an order that is not simulated");
  auto least = static_cast<std::int64_t>(l.order == CUBLASLT_ORDER_ROW ? l.columns : l.rows);
  if (l.rows == 0 || l.columns == 0) refuse(CUBLAS_STATUS_INVALID_VALUE, name, " is empty: ", l.text());
  if (l.leading < least)
    refuse(CUBLAS_STATUS_INVALID_VALUE, name, " overlaps itself, its leading dimension must be at least ", least, ": ",
           l.text());
  if (l.batch < 1) refuse(CUBLAS_STATUS_INVALID_VALUE, name, " has a batch of ", l.batch);
}

// The table of supported types: compute, scale, A and B, C and D.
bool hasKnownTypes(const Product& p) {
  if (p.a.type != p.b.type || p.c.type != p.out.type) return false;
  if (p.d.compute == CUBLAS_COMPUTE_64F)
    return p.d.scale == CUDA_R_64F && p.a.type == CUDA_R_64F && p.out.type == CUDA_R_64F;
  bool isFast = p.d.compute == CUBLAS_COMPUTE_32F_FAST_TF32 || p.d.compute == CUBLAS_COMPUTE_32F_FAST_16F ||
                p.d.compute == CUBLAS_COMPUTE_32F_FAST_16BF;
  if (p.d.scale != CUDA_R_32F) return false;
  if (p.a.type == CUDA_R_32F) return (p.d.compute == CUBLAS_COMPUTE_32F || isFast) && p.out.type == CUDA_R_32F;
  bool isHalf = p.a.type == CUDA_R_16F || p.a.type == CUDA_R_16BF;
  return isHalf && p.d.compute == CUBLAS_COMPUTE_32F && (p.out.type == p.a.type || p.out.type == CUDA_R_32F);
}

Product check(const Description& d, const Layout& a, const Layout& b, const Layout& c, const Layout& out) {
  Product p{d, a, b, c, out, 0};
  checkLayout("A", a);
  checkLayout("B", b);
  checkLayout("C", c);
  checkLayout("D", out);
  auto shape = [](const Layout& l, std::int32_t transpose) {
    return transpose == CUBLAS_OP_N ? std::pair{l.rows, l.columns} : std::pair{l.columns, l.rows};
  };
  auto [m, k] = shape(a, d.transposeA);
  auto [k2, n] = shape(b, d.transposeB);
  p.k = k;
  auto all = text("A ", a.text(), "; B ", b.text(), "; D ", out.text());
  if (k != k2 || m != out.rows || n != out.columns || c.rows != out.rows || c.columns != out.columns) {
    refuse(CUBLAS_STATUS_INVALID_VALUE, "the sizes don't fit: ", all);
  }
  for (const Layout* l : {&a, &b, &c}) {
    if (l->batch != out.batch) refuse(CUBLAS_STATUS_INVALID_VALUE, "the batches differ: ", all);
  }
  if (out.batch > 1 && static_cast<std::size_t>(out.batchStride) < out.at(out.rows - 1, out.columns - 1) + 1) {
    refuse(CUBLAS_STATUS_INVALID_VALUE, "the products of D overlap: ", out.text());
  }
  if (d.pointerMode != CUBLASLT_POINTER_MODE_HOST)
    decline(CUBLAS_STATUS_NOT_SUPPORTED, "scalars in device memory are not simulated");
  if (d.transposeC != CUBLAS_OP_N) decline(CUBLAS_STATUS_NOT_SUPPORTED, "C can't be transposed");
  if (!hasKnownTypes(p)) decline(CUBLAS_STATUS_NOT_SUPPORTED, "no kernel for these types: ", all);
  switch (d.epilogue) {
    case CUBLASLT_EPILOGUE_DEFAULT: break;
    case CUBLASLT_EPILOGUE_RELU:
    case CUBLASLT_EPILOGUE_BIAS:
    case CUBLASLT_EPILOGUE_RELU_BIAS:
    case CUBLASLT_EPILOGUE_BGRADA:
    case CUBLASLT_EPILOGUE_BGRADB:
      if (out.order == CUBLASLT_ORDER_ROW)
        refuse(CUBLAS_STATUS_NOT_SUPPORTED, "an epilogue where D lies row by row: ", out.text());
      if (out.type == CUDA_R_64F) decline(CUBLAS_STATUS_NOT_SUPPORTED, "an epilogue in float64");
      break;
    default: decline(CUBLAS_STATUS_NOT_SUPPORTED, "epilogue ", d.epilogue, " is not simulated");
  }
  return p;
}

double read(const void* memory, cudaDataType_t type, std::size_t i) {
  switch (type) {
    case CUDA_R_32F: return static_cast<const float*>(memory)[i];
    case CUDA_R_16F: return halfToDouble(static_cast<const std::uint16_t*>(memory)[i]);
    case CUDA_R_16BF: return bfloat16ToDouble(static_cast<const std::uint16_t*>(memory)[i]);
    default: return static_cast<const double*>(memory)[i];
  }
}

void write(void* memory, cudaDataType_t type, std::size_t i, double value) {
  switch (type) {
    case CUDA_R_32F: static_cast<float*>(memory)[i] = static_cast<float>(value); break;
    case CUDA_R_16F: static_cast<std::uint16_t*>(memory)[i] = doubleToHalf(value); break;
    case CUDA_R_16BF: static_cast<std::uint16_t*>(memory)[i] = doubleToBfloat16(value); break;
    default: static_cast<double*>(memory)[i] = value;
  }
}

// One matrix of a batch, dense and row by row: [rows, columns] of op(matrix).
std::vector<double> load(const Layout& l, const void* memory, std::int32_t batch, bool isTransposed) {
  std::size_t rows = isTransposed ? l.columns : l.rows, columns = isTransposed ? l.rows : l.columns;
  std::size_t base = static_cast<std::size_t>(batch) * static_cast<std::size_t>(l.batchStride);
  std::vector<double> dense(rows * columns);
  for (std::size_t i = 0; i < rows; i++) {
    for (std::size_t j = 0; j < columns; j++)
      dense[i * columns + j] = read(memory, l.type, base + (isTransposed ? l.at(j, i) : l.at(i, j)));
  }
  return dense;
}

cudaDataType_t biasTypeOf(const Product& p) {
  return p.d.biasType < 0 ? p.out.type : static_cast<cudaDataType_t>(p.d.biasType);
}

struct Pointers {
  const void *a, *b, *c;
  void *out, *bias;
};

void multiply(const Product& p, double alpha, double beta, const Pointers& at) {
  std::size_t m = p.out.rows, n = p.out.columns, k = p.k;
  for (std::int32_t batch = 0; batch < p.out.batch; batch++) {
    std::vector<double> a = load(p.a, at.a, batch, p.d.transposeA != CUBLAS_OP_N),
                        b = load(p.b, at.b, batch, p.d.transposeB != CUBLAS_OP_N);
    std::vector<double> sum(m * n, 0.0);
    for (std::size_t i = 0; i < m; i++) {
      double* __restrict__ row = sum.data() + i * n;
      for (std::size_t l = 0; l < k; l++) {
        double factor = a[i * k + l];
        const double* __restrict__ from = b.data() + l * n;
        for (std::size_t j = 0; j < n; j++) row[j] += factor * from[j];
      }
    }
    std::size_t baseC = static_cast<std::size_t>(batch) * static_cast<std::size_t>(p.c.batchStride);
    std::size_t baseD = static_cast<std::size_t>(batch) * static_cast<std::size_t>(p.out.batchStride);
    std::size_t baseBias = static_cast<std::size_t>(batch) * static_cast<std::size_t>(p.d.biasStride);
    for (std::size_t i = 0; i < m; i++) {
      for (std::size_t j = 0; j < n; j++) {
        double value = alpha * sum[i * n + j];
        if (beta != 0) value += beta * read(at.c, p.c.type, baseC + p.c.at(i, j));
        if (hasBias(p.d.epilogue)) value += read(at.bias, biasTypeOf(p), baseBias + i);
        if (p.d.epilogue & CUBLASLT_EPILOGUE_RELU && !(value > 0))
          value = 0;  // max(x, 0), of NaN too: nothing else is promised
        write(at.out, p.out.type, baseD + p.out.at(i, j), value);
      }
    }
    // a gradient of the bias: sums of A or B over the inner dimension
    if (p.d.epilogue == CUBLASLT_EPILOGUE_BGRADA) {
      for (std::size_t i = 0; i < m; i++) {
        double total = 0;
        for (std::size_t l = 0; l < k; l++) total += a[i * k + l];
        write(at.bias, biasTypeOf(p), baseBias + i, total);
      }
    }
    if (p.d.epilogue == CUBLASLT_EPILOGUE_BGRADB) {
      for (std::size_t j = 0; j < n; j++) {
        double total = 0;
        for (std::size_t l = 0; l < k; l++) total += b[l * n + j];
        write(at.bias, biasTypeOf(p), baseBias + j, total);
      }
    }
  }
}

void checkAligned(const char* name, const void* pointer, std::size_t alignment) {
  if (reinterpret_cast<std::uintptr_t>(pointer) % alignment != 0) {
    refuse(CUBLAS_STATUS_INVALID_VALUE, name, " is at ", pointer, ", not aligned to the ", alignment,
           " bytes that the algorithm was found for");
  }
}

double scalar(const void* pointer, std::int32_t type, const char* name) {
  if (!pointer) refuse(CUBLAS_STATUS_INVALID_VALUE, name, " is null");
  if (blockAt(pointer))
    refuse(CUBLAS_STATUS_INVALID_VALUE, name, " lies in memory of the device, but the pointer mode says host");
  return type == CUDA_R_64F ? *static_cast<const double*>(pointer) : double{*static_cast<const float*>(pointer)};
}

}  // namespace

}  // namespace cudasim::blaslt

using namespace cudasim;
using namespace cudasim::blaslt;

extern "C" {

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t description,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int most,
                                              cublasLtMatmulHeuristicResult_t results[], int* count) {
  return blaslt::api("cublasLtMatmulAlgoGetHeuristic", CallKind::call, [&] {
    requireAlive(handleKind, handle);
    if (most < 1 || !results || !count) refuse(CUBLAS_STATUS_INVALID_VALUE, "there is no room for a result");
    *count = 0;
    check(descriptionOf(description), layoutOf(a), layoutOf(b), layoutOf(c), layoutOf(d));
    const Preference& wanted = preferenceOf(preference);
    for (std::uint64_t workspace : {std::uint64_t{32768}, std::uint64_t{0}}) {
      if (workspace > wanted.workspace || *count == most) continue;
      Algorithm algorithm{algorithmMark, workspace, {}};
      std::copy(std::begin(wanted.alignment), std::end(wanted.alignment), algorithm.alignment);
      cublasLtMatmulHeuristicResult_t& result = results[(*count)++];
      result = {};
      std::memcpy(&result.algo, &algorithm, sizeof algorithm);
      result.workspaceSize = workspace;
      result.state = CUBLAS_STATUS_SUCCESS;
      result.wavesCount = 1;
    }
  });
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t description, const void* alpha,
                              const void* a, cublasLtMatrixLayout_t aLayout, const void* b,
                              cublasLtMatrixLayout_t bLayout, const void* beta, const void* c,
                              cublasLtMatrixLayout_t cLayout, void* d, cublasLtMatrixLayout_t dLayout,
                              const cublasLtMatmulAlgo_t* algo, void* workspace, size_t workspaceBytes,
                              cudaStream_t streamHandle) {
  return blaslt::api("cublasLtMatmul", CallKind::launch, [&] {
    requireAlive(handleKind, handle);
    if (stickyError(handle->device)) decline(CUBLAS_STATUS_EXECUTION_FAILED, "the device has failed before");
    Product p =
        check(descriptionOf(description), layoutOf(aLayout), layoutOf(bLayout), layoutOf(cLayout), layoutOf(dLayout));
    double alphaValue = scalar(alpha, p.d.scale, "alpha"), betaValue = scalar(beta, p.d.scale, "beta");
    Work work;
    work.what = "cublasLtMatmul";
    auto use = [&](const char* name, const void* pointer, std::size_t bytes) {
      requireLive(pointer, bytes, name, CUBLAS_STATUS_INVALID_VALUE);
      work.uses.push_back({pointer, bytes, text("cublasLtMatmul: ", name)});
    };
    use("A", a, p.a.reach() * typeBytes(p.a.type));
    use("B", b, p.b.reach() * typeBytes(p.b.type));
    use("D", d, p.out.reach() * typeBytes(p.out.type));
    if (betaValue != 0) use("C", c, p.c.reach() * typeBytes(p.c.type));
    if (hasBias(p.d.epilogue) || hasBiasGradient(p.d.epilogue)) {
      std::size_t length = p.d.epilogue == CUBLASLT_EPILOGUE_BGRADB ? p.out.columns : p.out.rows;
      use("the bias", p.d.bias, length * typeBytes(biasTypeOf(p)));
    }
    if (algo) {
      Algorithm algorithm;
      std::memcpy(static_cast<void*>(&algorithm), algo->data, sizeof algorithm);
      if (algorithm.mark != algorithmMark)
        refuse(CUBLAS_STATUS_INVALID_VALUE, "the algorithm did not come from the heuristic");
      if (workspaceBytes < algorithm.workspace)
        refuse(CUBLAS_STATUS_INVALID_VALUE, "the workspace has ", workspaceBytes, " bytes, the algorithm needs ",
               algorithm.workspace);
      checkAligned("A", a, algorithm.alignment[0]);
      checkAligned("B", b, algorithm.alignment[1]);
      if (betaValue != 0) checkAligned("C", c, algorithm.alignment[2]);
      checkAligned("D", d, algorithm.alignment[3]);
    }
    if (workspaceBytes > 0) {
      use("the workspace", workspace, workspaceBytes);
      checkAligned("the workspace", workspace, 16);
    }
    auto overlaps = [](const void* first, std::size_t bytes, const void* second, std::size_t more) {
      auto x = static_cast<const std::byte*>(first), y = static_cast<const std::byte*>(second);
      return x < y + more && y < x + bytes;
    };
    std::size_t bytes = p.out.reach() * typeBytes(p.out.type);
    if (overlaps(d, bytes, a, p.a.reach() * typeBytes(p.a.type)) ||
        overlaps(d, bytes, b, p.b.reach() * typeBytes(p.b.type))) {
      refuse(CUBLAS_STATUS_INVALID_VALUE, "D lies on A or B");
    }
    work.run = [=] {
      if (workspaceBytes > 0) std::memset(shadowOf(workspace), 0xC3, workspaceBytes);
      multiply(p, alphaValue, betaValue, {shadowOf(a), shadowOf(b), shadowOf(c), shadowOf(d), shadowOf(p.d.bias)});
    };
    try {
      StreamPtr stream = streamOf(streamHandle);
      if (stream->device != handle->device)
        refuse(0, "the handle is of device ", handle->device, ", the stream of device ", stream->device);
      enqueue(stream, std::move(work));
    } catch (Refusal& refusal) {  // a status of the runtime's
      refusal.status = CUBLAS_STATUS_EXECUTION_FAILED;
      throw;
    }
  });
}

}  // extern "C"
