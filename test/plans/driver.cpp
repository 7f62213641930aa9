// libcuda.so.1 for a machine without a GPU: the calls that cuDNN makes while it builds a plan. It reports no device;
// compiled code can be "loaded", since cuDNN does that to see whether the compiler's work was sound, but nothing can be
// run.
#include <cuda.h>

// cuDNN looks these up by their plain names, of which cuda.h makes those of a later version.
#undef cuCtxPushCurrent
#undef cuCtxPopCurrent
#undef cuLinkCreate
#undef cuLinkAddData

namespace {

constexpr CUresult nothingHere = CUDA_ERROR_NO_DEVICE;

// Handles are compared and given back, never looked into.
int library, kernel, function, link;

template <class Handle>
Handle handleOf(int& what) {
  return reinterpret_cast<Handle>(&what);
}

}  // namespace

extern "C" {

CUresult cuInit(unsigned) { return nothingHere; }
CUresult cuDriverGetVersion(int* version) { return *version = CUDA_VERSION, CUDA_SUCCESS; }
CUresult cuDeviceGetCount(int* count) { return *count = 0, CUDA_SUCCESS; }
CUresult cuDeviceGet(CUdevice*, int) { return nothingHere; }
CUresult cuGetErrorName(CUresult, const char** name) { return *name = "CUDA_ERROR_NO_DEVICE", CUDA_SUCCESS; }
CUresult cuGetErrorString(CUresult, const char** text) { return *text = "there is no device", CUDA_SUCCESS; }

CUresult cuCtxGetCurrent(CUcontext* context) { return *context = nullptr, CUDA_SUCCESS; }
CUresult cuCtxGetLimit(size_t*, CUlimit) { return nothingHere; }
CUresult cuCtxPushCurrent(CUcontext) { return nothingHere; }
CUresult cuCtxPopCurrent(CUcontext*) { return nothingHere; }
CUresult cuStreamGetCtx(CUstream, CUcontext*) { return nothingHere; }

CUresult cuLibraryLoadData(CUlibrary* made, const void*, CUjit_option*, void**, unsigned, CUlibraryOption*, void**,
                           unsigned) {
  return *made = handleOf<CUlibrary>(library), CUDA_SUCCESS;
}
CUresult cuLibraryLoadFromFile(CUlibrary* made, const char*, CUjit_option*, void**, unsigned, CUlibraryOption*, void**,
                               unsigned) {
  return *made = handleOf<CUlibrary>(library), CUDA_SUCCESS;
}
CUresult cuLibraryUnload(CUlibrary) { return CUDA_SUCCESS; }
CUresult cuLibraryGetKernel(CUkernel* found, CUlibrary, const char*) {
  return *found = handleOf<CUkernel>(kernel), CUDA_SUCCESS;
}
CUresult cuKernelGetFunction(CUfunction* found, CUkernel) {
  return *found = handleOf<CUfunction>(function), CUDA_SUCCESS;
}
CUresult cuKernelGetAttribute(int* value, CUfunction_attribute, CUkernel, CUdevice) { return *value = 0, CUDA_SUCCESS; }
CUresult cuKernelSetAttribute(CUfunction_attribute, int, CUkernel, CUdevice) { return CUDA_SUCCESS; }

CUresult cuLinkCreate(unsigned, CUjit_option*, void**, CUlinkState* made) {
  return *made = handleOf<CUlinkState>(link), CUDA_SUCCESS;
}
CUresult cuLinkAddData(CUlinkState, CUjitInputType, void*, size_t, const char*, unsigned, CUjit_option*, void**) {
  return nothingHere;
}
CUresult cuLinkComplete(CUlinkState, void**, size_t*) { return nothingHere; }
CUresult cuLinkDestroy(CUlinkState) { return CUDA_SUCCESS; }

CUresult cuOccupancyMaxPotentialClusterSize(int*, CUfunction, const CUlaunchConfig*) { return nothingHere; }
CUresult cuLaunchKernel(CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream,
                        void**, void**) {
  return nothingHere;
}
CUresult cuLaunchKernelEx(const CUlaunchConfig*, CUfunction, void**, void**) { return nothingHere; }
CUresult cuLaunchCooperativeKernel(CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                                   CUstream, void**) {
  return nothingHere;
}

}  // extern "C"
