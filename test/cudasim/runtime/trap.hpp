// What happens when somebody touches memory that is closed to him.
#pragma once

#include <functional>
#include <string>

namespace cudasim {

/// Runs work that belongs to the device; false, with a sentence, if it touched memory that is not its own.
bool runTrapped(const std::function<void()>& work, std::string& sentence);

}  // namespace cudasim
