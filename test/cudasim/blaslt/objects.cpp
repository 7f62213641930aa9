// Handles, layouts, descriptions, preferences: made, set, read and destroyed.
#include "objects.hpp"

#include "../runtime/device.hpp"

namespace cudasim::blaslt {

std::size_t typeBytes(cudaDataType_t type) {
  return type == CUDA_R_64F ? 8 : type == CUDA_R_32F || type == CUDA_R_32I ? 4 : type == CUDA_R_8I ? 1 : 2;
}

const char* typeName(cudaDataType_t type) {
  switch (type) {
    case CUDA_R_64F: return "float64";
    case CUDA_R_32F: return "float32";
    case CUDA_R_16F: return "float16";
    case CUDA_R_16BF: return "bfloat16";
    default: return "another type";
  }
}

std::size_t Layout::at(std::size_t row, std::size_t column) const {
  auto ld = static_cast<std::size_t>(leading);
  return order == CUBLASLT_ORDER_ROW ? row * ld + column : row + column * ld;
}

std::size_t Layout::reach() const {
  if (rows == 0 || columns == 0) return 0;
  return at(rows - 1, columns - 1) + 1 + static_cast<std::size_t>(batch - 1) * static_cast<std::size_t>(batchStride);
}

std::string Layout::text() const {
  return cudasim::text(typeName(type), " ", rows, " x ", columns,
                       order == CUBLASLT_ORDER_ROW ? ", row by row" : ", column by column", ", leading dimension ",
                       leading, batch > 1 ? cudasim::text(", ", batch, " times, ", batchStride, " apart") : "");
}

void requireAlive(const char* kind, const void* object) {
  if (!isAlive(kind, object))
    refuse(CUBLAS_STATUS_INVALID_VALUE, "the ", kind, " ", object, " does not exist (or was destroyed)");
}

Layout& layoutOf(cublasLtMatrixLayout_t layout) {
  requireAlive(layoutKind, layout);
  return *reinterpret_cast<Layout*>(layout);
}
Description& descriptionOf(cublasLtMatmulDesc_t description) {
  requireAlive(descriptionKind, description);
  return *reinterpret_cast<Description*>(description);
}
Preference& preferenceOf(cublasLtMatmulPreference_t preference) {
  requireAlive(preferenceKind, preference);
  return *reinterpret_cast<Preference*>(preference);
}

namespace {

// One attribute: its place in the object.
struct Field {
  void* place = nullptr;
  std::size_t bytes = 0;
};
template <class T>
Field field(T& member) {
  return {&member, sizeof member};
}

Field fieldOf(Layout& o, cublasLtMatrixLayoutAttribute_t attribute) {
  switch (attribute) {
    case CUBLASLT_MATRIX_LAYOUT_TYPE: return field(o.type);
    case CUBLASLT_MATRIX_LAYOUT_ORDER: return field(o.order);
    case CUBLASLT_MATRIX_LAYOUT_ROWS: return field(o.rows);
    case CUBLASLT_MATRIX_LAYOUT_COLS: return field(o.columns);
    case CUBLASLT_MATRIX_LAYOUT_LD: return field(o.leading);
    case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT: return field(o.batch);
    case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET: return field(o.batchStride);
    default:
      refuse(CUBLAS_STATUS_NOT_SUPPORTED, "the simulator does not know the layout's attribute ",
             static_cast<int>(attribute));
  }
}

Field fieldOf(Description& o, cublasLtMatmulDescAttributes_t attribute) {
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_COMPUTE_TYPE: return field(o.compute);
    case CUBLASLT_MATMUL_DESC_SCALE_TYPE: return field(o.scale);
    case CUBLASLT_MATMUL_DESC_POINTER_MODE: return field(o.pointerMode);
    case CUBLASLT_MATMUL_DESC_TRANSA: return field(o.transposeA);
    case CUBLASLT_MATMUL_DESC_TRANSB: return field(o.transposeB);
    case CUBLASLT_MATMUL_DESC_TRANSC: return field(o.transposeC);
    case CUBLASLT_MATMUL_DESC_EPILOGUE: return field(o.epilogue);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER: return field(o.bias);
    case CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE: return field(o.biasStride);
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE: return field(o.biasType);
    default:
      refuse(CUBLAS_STATUS_NOT_SUPPORTED, "the simulator does not know the description's attribute ",
             static_cast<int>(attribute));
  }
}

Field fieldOf(Preference& o, cublasLtMatmulPreferenceAttributes_t attribute) {
  switch (attribute) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES: return field(o.workspace);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES: return field(o.alignment[0]);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES: return field(o.alignment[1]);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES: return field(o.alignment[2]);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES: return field(o.alignment[3]);
    default:
      refuse(CUBLAS_STATUS_NOT_SUPPORTED, "the simulator does not know the preference's attribute ",
             static_cast<int>(attribute));
  }
}

void put(Field to, const void* from, std::size_t bytes) {
  if (!from || bytes != to.bytes)
    refuse(CUBLAS_STATUS_INVALID_VALUE, "the attribute has ", to.bytes, " bytes, given are ", from ? bytes : 0);
  std::memcpy(to.place, from, bytes);
}

void take(Field from, void* to, std::size_t bytes, std::size_t* written) {
  if (bytes == 0 && written) {
    *written = from.bytes;
    return;
  }
  if (!to || bytes != from.bytes)
    refuse(CUBLAS_STATUS_INVALID_VALUE, "the attribute has ", from.bytes, " bytes, room is for ", bytes);
  std::memcpy(to, from.place, bytes);
  if (written) *written = bytes;
}

template <class Object, class Handle>
void make(const char* kind, Handle* handle, Object object, std::string what) {
  if (!handle) refuse(CUBLAS_STATUS_INVALID_VALUE, "the address for the result is null");
  auto made = new Object(std::move(object));
  born(kind, made, std::move(what));
  *handle = reinterpret_cast<Handle>(made);
}

template <class Object, class Handle>
void unmake(const char* kind, Handle handle) {
  if (!handle) return;
  requireAlive(kind, handle);
  died(kind, handle);
  delete reinterpret_cast<Object*>(handle);
}

}  // namespace

}  // namespace cudasim::blaslt

using namespace cudasim;
using namespace cudasim::blaslt;

extern "C" {

size_t cublasLtGetVersion(void) { return CUBLAS_VERSION; }
size_t cublasLtGetCudartVersion(void) { return CUDART_VERSION; }
const char* cublasLtGetStatusName(cublasStatus_t status) {
  switch (status) {
#define NAME(name) \
  case name: return #name
    NAME(CUBLAS_STATUS_SUCCESS);
    NAME(CUBLAS_STATUS_NOT_INITIALIZED);
    NAME(CUBLAS_STATUS_ALLOC_FAILED);
    NAME(CUBLAS_STATUS_INVALID_VALUE);
    NAME(CUBLAS_STATUS_ARCH_MISMATCH);
    NAME(CUBLAS_STATUS_MAPPING_ERROR);
    NAME(CUBLAS_STATUS_EXECUTION_FAILED);
    NAME(CUBLAS_STATUS_INTERNAL_ERROR);
    NAME(CUBLAS_STATUS_NOT_SUPPORTED);
    NAME(CUBLAS_STATUS_LICENSE_ERROR);
#undef NAME
    default: return "CUBLAS_STATUS_UNKNOWN";
  }
}
const char* cublasLtGetStatusString(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS: return "success";
    case CUBLAS_STATUS_ALLOC_FAILED: return "the resource allocation failed";
    case CUBLAS_STATUS_INVALID_VALUE: return "an unsupported value or parameter was passed to the function";
    case CUBLAS_STATUS_EXECUTION_FAILED: return "the function failed to launch on the GPU";
    case CUBLAS_STATUS_INTERNAL_ERROR: return "an internal operation failed";
    case CUBLAS_STATUS_NOT_SUPPORTED: return "the functionality requested is not supported";
    default: return cublasLtGetStatusName(status);
  }
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  return api("cublasLtCreate", CallKind::allocate,
             [&] { make(handleKind, handle, cublasLtContext{currentDevice()}, text("of device ", currentDevice())); });
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  return api("cublasLtDestroy", CallKind::never, [&] { unmake<cublasLtContext>(handleKind, handle); });
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType type, uint64_t rows,
                                          uint64_t columns, int64_t leading) {
  return api("cublasLtMatrixLayoutCreate", CallKind::call, [&] {
    Layout made{.type = type, .rows = rows, .columns = columns, .leading = leading};
    make(layoutKind, layout, made, made.text());
  });
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  return api("cublasLtMatrixLayoutDestroy", CallKind::never, [&] { unmake<Layout>(layoutKind, layout); });
}
cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t layout,
                                                cublasLtMatrixLayoutAttribute_t attribute, const void* from,
                                                size_t bytes) {
  return api("cublasLtMatrixLayoutSetAttribute", CallKind::call,
             [&] { put(fieldOf(layoutOf(layout), attribute), from, bytes); });
}
cublasStatus_t cublasLtMatrixLayoutGetAttribute(cublasLtMatrixLayout_t layout,
                                                cublasLtMatrixLayoutAttribute_t attribute, void* to, size_t bytes,
                                                size_t* written) {
  return api("cublasLtMatrixLayoutGetAttribute", CallKind::call,
             [&] { take(fieldOf(layoutOf(layout), attribute), to, bytes, written); });
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* description, cublasComputeType_t compute,
                                        cudaDataType_t scale) {
  return api("cublasLtMatmulDescCreate", CallKind::call,
             [&] { make(descriptionKind, description, Description{.compute = compute, .scale = scale}, "a product"); });
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t description) {
  return api("cublasLtMatmulDescDestroy", CallKind::never, [&] { unmake<Description>(descriptionKind, description); });
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t description,
                                              cublasLtMatmulDescAttributes_t attribute, const void* from,
                                              size_t bytes) {
  return api("cublasLtMatmulDescSetAttribute", CallKind::call,
             [&] { put(fieldOf(descriptionOf(description), attribute), from, bytes); });
}
cublasStatus_t cublasLtMatmulDescGetAttribute(cublasLtMatmulDesc_t description,
                                              cublasLtMatmulDescAttributes_t attribute, void* to, size_t bytes,
                                              size_t* written) {
  return api("cublasLtMatmulDescGetAttribute", CallKind::call,
             [&] { take(fieldOf(descriptionOf(description), attribute), to, bytes, written); });
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  return api("cublasLtMatmulPreferenceCreate", CallKind::call,
             [&] { make(preferenceKind, preference, Preference{}, "a search"); });
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  return api("cublasLtMatmulPreferenceDestroy", CallKind::never,
             [&] { unmake<Preference>(preferenceKind, preference); });
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute, const void* from,
                                                    size_t bytes) {
  return api("cublasLtMatmulPreferenceSetAttribute", CallKind::call,
             [&] { put(fieldOf(preferenceOf(preference), attribute), from, bytes); });
}

}  // extern "C"
