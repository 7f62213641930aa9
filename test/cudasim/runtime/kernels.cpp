// Launches: checks of the grid and of every pointer argument, a copy of the arguments, and the run on shadow addresses.
#include "kernels.hpp"

#include <cxxabi.h>
#include <dlfcn.h>

#include <cstring>
#include <set>

#include "../block/block.hpp"
#include "device.hpp"
#include "memory.hpp"
#include "module.hpp"
#include "traffic.hpp"

namespace cudasim {

namespace {

struct HostFunction {
  std::string name;
  std::size_t sharedLimit = 48 << 10;
  const Kernel* kernel = nullptr;  // found at the first launch
  const Module* module = nullptr;  // null: compiled for the CPU alone, and so for every device
  std::set<int> loadedOn;          // devices
};

std::map<std::string, Kernel>& kernels() {
  static auto& all = *new std::map<std::string, Kernel>;
  return all;
}
std::map<const void*, HostFunction>& hostFunctions() {
  static auto& all = *new std::map<const void*, HostFunction>;
  return all;
}

// The kernels lie beside this library, and where CUDASIM_KERNELS (a list with colons) says. Each library has a double
// whose kernels count.
void openKernelLibraries() {
  static bool isOpen = false;
  if (isOpen) return;
  isOpen = true;
  Dl_info self{};
  dladdr(reinterpret_cast<void*>(&openKernelLibraries), &self);
  std::string folder = self.dli_fname ? self.dli_fname : "";
  folder = folder.substr(0, folder.rfind('/') + 1);
  std::istringstream list(setting("CUDASIM_KERNELS", ""));
  std::vector<std::string> files = {folder + "libcudasim_kernels.so"};
  for (std::string file; std::getline(list, file, ':');) files.push_back(file);
  for (std::string& file : files) {
    if (countsTraffic()) file.insert(file.rfind('.'), "_counted");
    if (!dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL) && (&file != &files[0] || std::fopen(file.c_str(), "r"))) {
      violation(text("the kernels of the CPU can't be opened: ", dlerror()));
    }
  }
}

std::string readable(const std::string& mangled) {
  int status = 0;
  char* name = abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, &status);
  std::string result = status == 0 ? name : mangled;
  std::free(name);
  // "void cnn::cuda::kernels::relu<float>(float const*, …)" → without the parameters
  if (auto open = result.rfind('('); open != std::string::npos) result = result.substr(0, open);
  return result;
}

// nvcc and g++ spell alias templates among the parameters differently: then the name and its template arguments decide,
// if only one kernel has them.
const Kernel* findKernel(const std::string& mangled) {
  if (auto found = kernels().find(mangled); found != kernels().end()) return &found->second;
  const Kernel* alike = nullptr;
  for (const auto& [name, kernel] : kernels()) {
    if (readable(name) != readable(mangled)) continue;
    if (alike) return nullptr;
    alike = &kernel;
  }
  return alike;
}

// The arguments of a launch, as bytes of our own.
struct Arguments {
  std::vector<std::vector<std::uint64_t>> values;

  Arguments(const Kernel& kernel, void** arguments) {
    for (int i = 0; i < kernel.parameterCount; i++) {
      std::size_t bytes = kernel.parameters[i].bytes;
      std::vector<std::uint64_t> words((bytes + 7) / 8, 0);
      std::memcpy(words.data(), arguments[i], bytes);
      values.push_back(std::move(words));
    }
  }
  template <class Visit>
  void eachAddress(Visit visit) {
    for (std::size_t i = 0; i < values.size(); i++) {
      for (std::uint64_t& word : values[i]) visit(i, word);
    }
  }
};

void checkGrid(const std::string& what, dim3 grid, dim3 threads, std::size_t shared, std::size_t sharedLimit) {
  auto size = [](dim3 d) { return text("(", d.x, ", ", d.y, ", ", d.z, ")"); };
  if (!grid.x || !grid.y || !grid.z || !threads.x || !threads.y || !threads.z) {
    refuse(cudaErrorInvalidConfiguration, what, ": the grid ", size(grid), " of blocks ", size(threads), " is empty");
  }
  if (grid.x > 2147483647u || grid.y > 65535 || grid.z > 65535)
    refuse(cudaErrorInvalidConfiguration, what, ": the grid ", size(grid), " is too large");
  if (threads.x > 1024 || threads.y > 1024 || threads.z > 64 || std::size_t{threads.x} * threads.y * threads.z > 1024) {
    refuse(cudaErrorInvalidConfiguration, what, ": a block of ", size(threads), " threads is too large");
  }
  if (shared > sharedLimit)
    refuse(cudaErrorInvalidValue, what, ": ", shared, " bytes of shared memory, allowed are ", sharedLimit);
}

}  // namespace

bool registerKernel(const void* function, Kernel kernel) {
  std::lock_guard lock(machineLock());
  Dl_info info{};
  if (!dladdr(function, &info) || !info.dli_sname || info.dli_saddr != function) {
    violation("a kernel has no name that other files can see (is it static, or in an anonymous namespace?)");
    return false;
  }
  kernels()[info.dli_sname] = kernel;
  registerHostFunction(function, info.dli_sname);  // for host code that g++ compiled with it
  return true;
}

void registerHostFunction(const void* hostFunction, const char* deviceName, const Module* module) {
  hostFunctions()[hostFunction] = {.name = deviceName, .module = module};
}

const std::string& kernelName(const void* hostFunction) {
  auto found = hostFunctions().find(hostFunction);
  if (found == hostFunctions().end())
    refuse(cudaErrorInvalidDeviceFunction, "the function ", hostFunction, " is no kernel");
  return found->second.name;
}

void allowSharedBytes(const void* hostFunction, std::size_t bytes) {
  const std::string& name = kernelName(hostFunction);
  std::size_t most = deviceProperties(currentDevice()).sharedMemPerBlockOptin;
  if (bytes > most)
    refuse(cudaErrorInvalidValue, readable(name), ": ", bytes, " bytes of shared memory, the device has ", most);
  hostFunctions()[hostFunction].sharedLimit = bytes;
}

void loadKernel(const void* hostFunction, int device) {
  const std::string& name = kernelName(hostFunction);
  HostFunction& function = hostFunctions()[hostFunction];
  cudaDeviceProp p = deviceProperties(device);
  if (function.module && !function.module->runsOn(p.major, p.minor)) {
    decline(cudaErrorNoKernelImageForDevice, "kernel ", readable(name), ": no code for compute capability ", p.major,
            ".", p.minor);
  }
  function.loadedOn.insert(device);
}

void launchKernel(const void* hostFunction, dim3 grid, dim3 threads, void** arguments, std::size_t sharedBytes,
                  const StreamPtr& stream) {
  openKernelLibraries();
  const std::string& mangled = kernelName(hostFunction);
  std::string what = "kernel " + readable(mangled);
  HostFunction& function = hostFunctions()[hostFunction];
  if (!function.kernel) function.kernel = findKernel(mangled);
  if (!function.kernel) {
    refuse(cudaErrorInvalidDeviceFunction, what, " is not among the ", kernels().size(),
           " kernels that were compiled for the CPU (", mangled, ")");
  }
  if (!function.loadedOn.contains(stream->device)) {
    forbidInCapture(stream, what + " that has never run");
    loadKernel(hostFunction, stream->device);
  }
  const Kernel& kernel = *function.kernel;
  checkGrid(what, grid, threads, sharedBytes, function.sharedLimit);
  if (stream->device != currentDevice()) {
    refuse(cudaErrorInvalidResourceHandle, what, ": the stream is of device ", stream->device,
           ", this thread uses device ", currentDevice());
  }

  Work work;
  work.what = what;
  Arguments values(kernel, arguments);
  values.eachAddress([&](std::size_t i, std::uint64_t word) {
    auto address = reinterpret_cast<void*>(word);
    Block* block = blockAt(address);
    // A word of a structure may be anything, numbers and the gaps between them too: it is an address only if it lies in
    // a block.
    if (block && !kernel.parameters[i].isPointer && (word < block->address || word > block->address + block->bytes))
      block = nullptr;
    if (block) {
      // one past the end is a fine address for an empty range
      std::size_t bytes = word == block->address + block->bytes ? 0 : 1;
      work.uses.push_back({address, bytes, text(what, ": argument ", i + 1)});
    } else if (kernel.parameters[i].isPointer && address) {
      refuse(cudaErrorInvalidValue, what, ": argument ", i + 1, " is ", address,
             ", a pointer that is no memory of the device");
    }
  });
  work.run = [=, &kernel]() mutable {
    Arguments run = values;
    run.eachAddress([](std::size_t, std::uint64_t& word) {
      word = reinterpret_cast<std::uint64_t>(shadowOf(reinterpret_cast<void*>(word)));
    });
    std::vector<void*> pointers;
    for (auto& each : run.values) pointers.push_back(each.data());
    runGrid({grid, threads, sharedBytes, what}, kernel.invoke, pointers.data());
  };
  enqueue(stream, std::move(work));
}

}  // namespace cudasim
