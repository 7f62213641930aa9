// cuDNN's backend API: descriptors, plans, variant packs.
#include <thread>

#include "cases.hpp"

namespace cases {

namespace {

using Sizes = std::vector<std::int64_t>;

class Descriptor {
 public:
  explicit Descriptor(cudnnBackendDescriptorType_t type) { OK(cudnnBackendCreateDescriptor(type, &handle_)); }
  cudnnBackendDescriptor_t get() const { return handle_; }

  cudnnStatus_t trySet(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count,
                       const void* values) {
    return cudnnBackendSetAttribute(handle_, name, type, count, values);
  }
  template <class T>
  Descriptor& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, const T& value) {
    OK(trySet(name, type, 1, &value));
    return *this;
  }
  Descriptor& set(cudnnBackendAttributeName_t name, const Sizes& values) {
    OK(trySet(name, CUDNN_TYPE_INT64, static_cast<std::int64_t>(values.size()), values.data()));
    return *this;
  }
  Descriptor& set(cudnnBackendAttributeName_t name, const Descriptor& part) {
    return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, part.get());
  }
  Descriptor& finalize() {
    OK(cudnnBackendFinalize(handle_));
    return *this;
  }

 private:
  cudnnBackendDescriptor_t handle_ = nullptr;
};

Descriptor tensorOf(std::int64_t uid, const Sizes& dims, const Sizes& strides, std::int64_t alignment = 16,
                    cudnnDataType_t type = CUDNN_DATA_FLOAT) {
  Descriptor tensor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  tensor.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, uid)
      .set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, type)
      .set(CUDNN_ATTR_TENSOR_DIMENSIONS, dims)
      .set(CUDNN_ATTR_TENSOR_STRIDES, strides)
      .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, alignment);
  return tensor;
}

// dims [N, C, H, W], lying as [N, H, W, C]
Sizes channelsLast(const Sizes& d) { return {d[1] * d[2] * d[3], 1, d[1] * d[3], d[1]}; }
Sizes plain(const Sizes& d) { return {d[1] * d[2] * d[3], d[2] * d[3], d[3], 1}; }

Descriptor window(const Sizes& padding) {
  Descriptor conv(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  conv.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT)
      .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, CUDNN_CROSS_CORRELATION)
      .set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, std::int64_t{2})
      .set(CUDNN_ATTR_CONVOLUTION_DILATIONS, Sizes{1, 1})
      .set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, Sizes{1, 1})
      .set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, padding)
      .set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, padding);
  return conv;
}

Descriptor convolution(const Descriptor& x, const Descriptor& w, const Descriptor& y) {
  Descriptor conv = window({1, 1});
  conv.finalize();
  Descriptor operation(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
  operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_TYPE_FLOAT, 1.0f)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, CUDNN_TYPE_FLOAT, 0.0f)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, conv)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, x)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, w)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, y);
  return operation;
}

constexpr int elements = 2 * 4 * 5 * 5;  // of x and y

struct Plan {
  cudnnHandle_t handle = nullptr;
  Descriptor plan{CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR};
  std::int64_t workspaceBytes = 0;
};

// A 3×3 convolution of [2, 4, 5, 5] with 4 filters by the heuristic's first engine, which wants a workspace.
Plan makePlan(std::int64_t alignment = 16) {
  Sizes x{2, 4, 5, 5}, w{4, 4, 3, 3};
  Plan made;
  OK(cudnnCreate(&made.handle));
  Descriptor xTensor = tensorOf(1, x, channelsLast(x), alignment).finalize(),
             wTensor = tensorOf(2, w, channelsLast(w)).finalize();
  Descriptor yTensor = tensorOf(3, x, channelsLast(x)).finalize();
  Descriptor operation = convolution(xTensor, wTensor, yTensor).finalize();
  Descriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, made.handle)
      .set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operation)
      .finalize();
  Descriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph)
      .set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, CUDNN_HEUR_MODE_A)
      .finalize();
  Descriptor config(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
  std::int64_t count = 0;
  auto handle = config.get();
  OK(cudnnBackendGetAttribute(heuristics.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count,
                              &handle));
  REQUIRE(count >= 1);
  made.plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, made.handle)
      .set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config)
      .finalize();
  OK(cudnnBackendGetAttribute(made.plan.get(), CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, nullptr,
                              &made.workspaceBytes));
  REQUIRE(made.workspaceBytes > 0);
  return made;
}

struct Memory {
  float *x = deviceFloats(elements), *w = deviceFloats(4 * 4 * 9), *y = deviceFloats(elements);
  Memory() {
    upload(x, std::vector<float>(elements, 1.0f));
    upload(w, std::vector<float>(4 * 4 * 9, 0.5f));
  }
};

Descriptor pack(const Sizes& uids, const std::vector<void*>& pointers, void* workspace) {
  Descriptor variant(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  variant.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, uids);
  OK(variant.trySet(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR,
                    static_cast<std::int64_t>(pointers.size()), pointers.data()));
  variant.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, workspace);
  return variant;
}

void* bytes(std::int64_t count) {
  void* memory = nullptr;
  OK(cudaMalloc(&memory, static_cast<std::size_t>(count)));
  return memory;
}

}  // namespace

CASE(aPlanRuns, "") {
  Plan plan = makePlan();
  Memory memory;
  Descriptor variant = pack({1, 2, 3}, {memory.x, memory.w, memory.y}, bytes(plan.workspaceBytes)).finalize();
  OK(cudnnBackendExecute(plan.handle, plan.plan.get(), variant.get()));
  std::vector<float> y = download(memory.y, elements);
  REQUIRE(y[0] == 0.5f * 4 * 4);                // a corner sees 2×2
  REQUIRE(y[(1 * 5 + 1) * 4] == 0.5f * 4 * 9);  // the middle 3×3
}

CASE(attributeMissing, "the required attribute CUDNN_ATTR_TENSOR_STRIDES is missing") {
  Descriptor tensor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  tensor.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, std::int64_t{1})
      .set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT)
      .set(CUDNN_ATTR_TENSOR_DIMENSIONS, Sizes{1, 1, 2, 2})
      .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, std::int64_t{16});
  REQUIRE(cudnnBackendFinalize(tensor.get()) == CUDNN_STATUS_BAD_PARAM);
}

CASE(attributeOfTheWrongType, "CUDNN_ATTR_TENSOR_UNIQUE_ID is given as type 23") {
  Descriptor tensor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  std::int32_t uid = 1;
  REQUIRE(tensor.trySet(CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT32, 1, &uid) ==
          CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE);
}

CASE(tooManyElements, "is given 9 elements") {
  Descriptor tensor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  Sizes dims(9, 1);
  FAILS(tensor.trySet(CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 9, dims.data()));
}

CASE(attributeOfAnotherDescriptor, "has no attribute") {
  Descriptor tensor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  std::int64_t two = 2;
  FAILS(tensor.trySet(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, 1, &two));
}

CASE(attributeSetAfterFinalisation, "is set after it was finalised") {
  Sizes d{1, 2, 3, 3};
  Descriptor tensor = tensorOf(1, d, plain(d)).finalize();
  std::int64_t uid = 2;
  FAILS(tensor.trySet(CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &uid));
}

CASE(finalisedTwice, "finalised a second time") {
  Sizes d{1, 2, 3, 3};
  Descriptor tensor = tensorOf(1, d, plain(d)).finalize();
  FAILS(cudnnBackendFinalize(tensor.get()));
}

CASE(readOnlyAttributeSet, "can only be read") {
  Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  std::int64_t size = 0;
  FAILS(plan.trySet(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &size));
}

CASE(attributeReadBeforeFinalisation, "is read before it was finalised") {
  Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  std::int64_t size = 0;
  FAILS(cudnnBackendGetAttribute(plan.get(), CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, nullptr,
                                 &size));
}

CASE(partNotFinalised, "that is not finalised") {
  Sizes x{2, 4, 5, 5};
  Descriptor tensor = tensorOf(1, x, channelsLast(x));
  Descriptor operation(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
  auto handle = tensor.get();
  REQUIRE(operation.trySet(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &handle) ==
          CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED);
}

CASE(partDestroyed, "does not exist (or was destroyed)") {
  Sizes x{2, 4, 5, 5};
  Descriptor tensor = tensorOf(1, x, channelsLast(x)).finalize();
  OK(cudnnBackendDestroyDescriptor(tensor.get()));
  Descriptor operation(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
  auto handle = tensor.get();
  FAILS(operation.trySet(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &handle));
}

CASE(wrongStrideOrder, "the tensors are not all channels-last, nor all plain") {
  Sizes x{2, 4, 5, 5}, w{4, 4, 3, 3};
  Descriptor xTensor = tensorOf(1, x, channelsLast(x)).finalize(), wTensor = tensorOf(2, w, plain(w)).finalize(),
             yTensor = tensorOf(3, x, channelsLast(x)).finalize();
  REQUIRE(cudnnBackendFinalize(convolution(xTensor, wTensor, yTensor).get()) == CUDNN_STATUS_NOT_SUPPORTED_LAYOUT);
}

CASE(overlappingStrides, "elements overlap") {
  FAILS(cudnnBackendFinalize(tensorOf(1, {2, 4, 5, 5}, {100, 24, 5, 1}).get()));
}

CASE(strideOfZero, "every dimension and stride must be positive") {
  FAILS(cudnnBackendFinalize(tensorOf(1, {2, 4, 5, 5}, {100, 25, 5, 0}).get()));
}

CASE(alignmentOfHalfAnElement, "is no multiple of the 4 bytes of float") {
  Sizes x{2, 4, 5, 5};
  FAILS(cudnnBackendFinalize(tensorOf(1, x, plain(x), 2).get()));
}

CASE(sizesThatDontFit, "the spatial sizes don't fit") {
  Sizes x{2, 4, 5, 5}, w{4, 4, 3, 3}, y{2, 4, 4, 5};
  Descriptor xTensor = tensorOf(1, x, channelsLast(x)).finalize(), wTensor = tensorOf(2, w, channelsLast(w)).finalize(),
             yTensor = tensorOf(3, y, channelsLast(y)).finalize();
  FAILS(cudnnBackendFinalize(convolution(xTensor, wTensor, yTensor).get()));
}

CASE(paddingOfAnotherRank, "has 1 entries, the spatial dimensions are 2") {
  FAILS(cudnnBackendFinalize(window({1}).get()));
}

CASE(sameUidTwice, "two tensors have the same uid") {
  Sizes x{2, 4, 5, 5}, w{4, 4, 3, 3};
  Descriptor xTensor = tensorOf(1, x, channelsLast(x)).finalize(), wTensor = tensorOf(1, w, channelsLast(w)).finalize(),
             yTensor = tensorOf(3, x, channelsLast(x)).finalize();
  Descriptor operation = convolution(xTensor, wTensor, yTensor).finalize();
  Descriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operation);
  FAILS(cudnnBackendFinalize(graph.get()));
}

CASE(workspaceTooSmall, "the workspace needs") {
  Plan plan = makePlan();
  Memory memory;
  Descriptor variant = pack({1, 2, 3}, {memory.x, memory.w, memory.y}, bytes(plan.workspaceBytes - 256)).finalize();
  REQUIRE(cudnnBackendExecute(plan.handle, plan.plan.get(), variant.get()) == CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT);
}

CASE(workspaceIsNull, "which is no memory of the device") {
  Plan plan = makePlan();
  Memory memory;
  Descriptor variant = pack({1, 2, 3}, {memory.x, memory.w, memory.y}, nullptr).finalize();
  FAILS(cudnnBackendExecute(plan.handle, plan.plan.get(), variant.get()));
}

CASE(workspaceOnAnInput, "the workspace lies on tensor 1") {
  Plan plan = makePlan();
  Memory memory;
  void* both = bytes(plan.workspaceBytes + elements * 4);
  Descriptor variant = pack({1, 2, 3}, {both, memory.w, memory.y}, both).finalize();
  FAILS(cudnnBackendExecute(plan.handle, plan.plan.get(), variant.get()));
}

CASE(misalignedPointer, "is not aligned to 64 bytes") {
  Plan plan = makePlan(64);
  Memory memory;
  float* x = deviceFloats(elements + 8);
  Descriptor variant = pack({1, 2, 3}, {x + 4, memory.w, memory.y}, bytes(plan.workspaceBytes)).finalize();
  REQUIRE(cudnnBackendExecute(plan.handle, plan.plan.get(), variant.get()) ==
          CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER);
}

CASE(tensorTooSmall, "needs 800 bytes") {
  Plan plan = makePlan();
  Memory memory;
  Descriptor variant =
      pack({1, 2, 3}, {deviceFloats(elements - 1), memory.w, memory.y}, bytes(plan.workspaceBytes)).finalize();
  FAILS(cudnnBackendExecute(plan.handle, plan.plan.get(), variant.get()));
}

CASE(tensorInHostMemory, "which is no memory of the device") {
  Plan plan = makePlan();
  Memory memory;
  std::vector<float> host(elements);
  Descriptor variant = pack({1, 2, 3}, {host.data(), memory.w, memory.y}, bytes(plan.workspaceBytes)).finalize();
  FAILS(cudnnBackendExecute(plan.handle, plan.plan.get(), variant.get()));
}

CASE(tensorFreed, "used after it was freed") {
  Plan plan = makePlan();
  Memory memory;
  OK(cudaFree(memory.x));
  Descriptor variant = pack({1, 2, 3}, {memory.x, memory.w, memory.y}, bytes(plan.workspaceBytes)).finalize();
  FAILS(cudnnBackendExecute(plan.handle, plan.plan.get(), variant.get()));
}

CASE(tensorForgotten, "the variant pack lacks tensor 2") {
  Plan plan = makePlan();
  Memory memory;
  Descriptor variant = pack({1, 3}, {memory.x, memory.y}, bytes(plan.workspaceBytes)).finalize();
  FAILS(cudnnBackendExecute(plan.handle, plan.plan.get(), variant.get()));
}

CASE(tensorUnknown, "which the plan does not know") {
  Plan plan = makePlan();
  Memory memory;
  Descriptor variant =
      pack({1, 2, 3, 4}, {memory.x, memory.w, memory.y, memory.y}, bytes(plan.workspaceBytes)).finalize();
  FAILS(cudnnBackendExecute(plan.handle, plan.plan.get(), variant.get()));
}

CASE(outputOnAnInput, "an output lies on another tensor") {
  Plan plan = makePlan();
  Memory memory;
  Descriptor variant = pack({1, 2, 3}, {memory.x, memory.w, memory.x}, bytes(plan.workspaceBytes)).finalize();
  FAILS(cudnnBackendExecute(plan.handle, plan.plan.get(), variant.get()));
}

CASE(variantPackNotFinalised, "the variant pack is not finalised") {
  Plan plan = makePlan();
  Memory memory;
  Descriptor variant = pack({1, 2, 3}, {memory.x, memory.w, memory.y}, bytes(plan.workspaceBytes));
  FAILS(cudnnBackendExecute(plan.handle, plan.plan.get(), variant.get()));
}

CASE(planSharedBetweenThreads, "the plan is shared between threads") {
  Plan plan = makePlan();
  Memory memory;
  Descriptor variant = pack({1, 2, 3}, {memory.x, memory.w, memory.y}, bytes(plan.workspaceBytes)).finalize();
  OK(cudnnBackendExecute(plan.handle, plan.plan.get(), variant.get()));
  std::thread([&] { FAILS(cudnnBackendExecute(plan.handle, plan.plan.get(), variant.get())); }).join();
}

CASE(planSharedBetweenHandles, "the plan is shared between handles") {
  Plan plan = makePlan();
  Memory memory;
  Descriptor variant = pack({1, 2, 3}, {memory.x, memory.w, memory.y}, bytes(plan.workspaceBytes)).finalize();
  OK(cudnnBackendExecute(plan.handle, plan.plan.get(), variant.get()));
  cudnnHandle_t other = nullptr;
  OK(cudnnCreate(&other));
  FAILS(cudnnBackendExecute(other, plan.plan.get(), variant.get()));
}

CASE(handleDestroyed, "does not exist (or was destroyed)") {
  Plan plan = makePlan();
  Memory memory;
  Descriptor variant = pack({1, 2, 3}, {memory.x, memory.w, memory.y}, bytes(plan.workspaceBytes)).finalize();
  OK(cudnnDestroy(plan.handle));
  FAILS(cudnnBackendExecute(plan.handle, plan.plan.get(), variant.get()));
}

CASE(resultReadBeforeTheStreamWasSynchronised, "") {
  Plan plan = makePlan();
  Memory memory;
  upload(memory.y, std::vector<float>(elements, 7.0f));
  cudaStream_t stream = nullptr, other = nullptr;
  OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  OK(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
  OK(cudnnSetStream(plan.handle, stream));
  Descriptor variant = pack({1, 2, 3}, {memory.x, memory.w, memory.y}, bytes(plan.workspaceBytes)).finalize();
  OK(cudnnBackendExecute(plan.handle, plan.plan.get(), variant.get()));
  void* pinned = nullptr;
  OK(cudaMallocHost(&pinned, 4));
  OK(cudaMemcpyAsync(pinned, memory.y, 4, cudaMemcpyDeviceToHost, other));
  OK(cudaStreamSynchronize(other));
  REQUIRE(*static_cast<float*>(pinned) == 7.0f);  // the plan has not run yet
  OK(cudaStreamSynchronize(stream));
  REQUIRE(download(memory.y, 1)[0] == 8.0f);
}

CASE(normOfPlainTensors, "exists for channels-last tensors only") {
  Sizes d{2, 4, 5, 5}, c{1, 4, 1, 1}, one{1, 1, 1, 1};
  auto channels = [&](std::int64_t uid) { return tensorOf(uid, c, channelsLast(c)).finalize(); };
  Descriptor epsilon = tensorOf(9, one, one);
  epsilon.set(CUDNN_ATTR_TENSOR_IS_BY_VALUE, CUDNN_TYPE_BOOLEAN, true).finalize();
  Descriptor x = tensorOf(1, d, plain(d)).finalize(), y = tensorOf(2, d, plain(d)).finalize();
  Descriptor norm(CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR);
  norm.set(CUDNN_ATTR_OPERATION_NORM_FWD_MODE, CUDNN_TYPE_NORM_MODE, CUDNN_BATCH_NORM)
      .set(CUDNN_ATTR_OPERATION_NORM_FWD_PHASE, CUDNN_TYPE_NORM_FWD_PHASE, CUDNN_NORM_FWD_TRAINING)
      .set(CUDNN_ATTR_OPERATION_NORM_FWD_XDESC, x)
      .set(CUDNN_ATTR_OPERATION_NORM_FWD_SCALE_DESC, channels(3))
      .set(CUDNN_ATTR_OPERATION_NORM_FWD_BIAS_DESC, channels(4))
      .set(CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC, channels(5))
      .set(CUDNN_ATTR_OPERATION_NORM_FWD_INV_VARIANCE_DESC, channels(6))
      .set(CUDNN_ATTR_OPERATION_NORM_FWD_EPSILON_DESC, epsilon)
      .set(CUDNN_ATTR_OPERATION_NORM_FWD_YDESC, y);
  FAILS(cudnnBackendFinalize(norm.get()));
}

}  // namespace cases
