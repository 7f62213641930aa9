// The addon knows where it lies by one of its own functions.
#include "shared_library.hpp"

#include <dlfcn.h>

namespace cnn {

std::filesystem::path addonFolder() {
  Dl_info addon{};
  dladdr(reinterpret_cast<const void*>(&addonFolder), &addon);
  return std::filesystem::path(addon.dli_fname ? addon.dli_fname : "").parent_path();
}

}  // namespace cnn
