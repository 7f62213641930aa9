// The ledger of the simulated machine: what is alive, which rules were broken, which call is to fail. All libraries of
// the simulator write into it; the environment and the functions of control.h are how a test reads and steers it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

namespace cudasim {

/// One lock for the whole simulator. Work runs under it as well: what executes is alone.
std::recursive_mutex& machineLock();

template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

/// A value of the environment, or what holds without it.
std::string setting(const char* name, const char* otherwise);
long long numberSetting(const char* name, long long otherwise);

/// Records a broken rule in one sentence, and says it on stderr; the first one ends the process where CUDASIM_FATAL=1.
void violation(const std::string& sentence);

/// A call that must be refused: with this status, and with a sentence that is recorded as a violation unless the
/// refusal is ordinary (memory has run out, an engine does not exist).
struct Refusal {
  int status;
  std::string sentence;
  bool isViolation = true;
};

template <class Status, class... Parts>
[[noreturn]] void refuse(Status status, const Parts&... parts) {
  throw Refusal{static_cast<int>(status), text(parts...)};
}
template <class Status, class... Parts>
[[noreturn]] void decline(Status status, const Parts&... parts) {
  throw Refusal{static_cast<int>(status), text(parts...), false};
}

// ---- what is alive

/// `kind` groups the report ("stream", "cudnn descriptor"); `what` tells one object from another.
void born(const char* kind, const void* object, std::string what);
/// False if there is no such object: the caller refuses.
bool died(const char* kind, const void* object);
bool isAlive(const char* kind, const void* object);
long long countAlive(const std::string& kind);

// ---- failures on demand

/// `never`: what frees or only tells something; it is not counted and does not fail.
enum class CallKind { call, allocate, launch, execute, never };
/// Counts a call of that kind; the status that it must fail with, or 0.
int injected(CallKind kind, int ordinaryStatus, int allocateStatus, int launchStatus);

/// Counts a function of the runtime by its name.
void noteFunction(const char* name);

/// Bytes in use, by device or "pinned", for the report.
void setBytes(const std::string& where, std::size_t bytes);

}  // namespace cudasim
