// The ledger: objects, broken rules, bytes, counted calls, ordered failures, and the report of them all.
#include "ledger.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "../control.h"
#include "device.hpp"
#include "traffic.hpp"

namespace cudasim {

namespace {

constexpr const char* kindNames[] = {"call", "allocate", "launch", "execute"};
constexpr int kindCount = 4;

struct Ledger {
  std::vector<std::string> violations;
  std::map<std::pair<std::string, const void*>, std::string> objects;
  std::map<std::string, std::size_t> bytes;
  std::map<std::string, long> functions;
  long calls[kindCount] = {};
  long failAt[kindCount] = {};  // counts down; 0: no failure ordered
  int failWith[kindCount] = {};
};

// Never destroyed: other libraries let go of their objects while the process ends.
Ledger& ledger() {
  static Ledger& instance = *new Ledger;
  return instance;
}

int kindOf(std::string_view name) {
  for (int i = 0; i < kindCount; i++) {
    if (name == kindNames[i]) return i;
  }
  return -1;
}

// CUDASIM_FAIL=allocate:3 or launch:2:719 orders a failure from the start.
[[gnu::constructor]] void readOrders() {
  std::istringstream order(setting("CUDASIM_FAIL", ""));
  std::string kind, n, status;
  if (std::getline(order, kind, ':') && std::getline(order, n, ':')) {
    std::getline(order, status, ':');
    cudasim_fail(kind.c_str(), std::atol(n.c_str()), std::atoi(status.c_str()));
  }
}

std::string quoted(const std::string& raw) {
  std::string out = "\"";
  for (char c : raw) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
    out += c;
  }
  return out + '"';
}

template <class Items, class Print>
std::string joined(const Items& items, Print print) {
  std::string out;
  for (const auto& item : items) out += (out.empty() ? "" : ", ") + print(item);
  return out;
}

std::string reportText() {
  std::lock_guard lock(machineLock());
  Ledger& l = ledger();
  std::map<std::string, long> alive;
  for (const auto& [key, what] : l.objects) alive[key.first]++;
  std::vector<std::string> calls;
  for (int i = 0; i < kindCount; i++) calls.push_back(text(quoted(kindNames[i]), ": ", l.calls[i]));
  return text(
      "{\"violations\": [", joined(l.violations, quoted), "],\n \"alive\": {",
      joined(alive, [](auto& each) { return text(quoted(each.first), ": ", each.second); }), "},\n \"objects\": [",
      joined(l.objects, [](auto& each) { return quoted(each.first.first + ": " + each.second); }), "],\n \"bytes\": {",
      joined(l.bytes, [](auto& each) { return text(quoted(each.first), ": ", each.second); }), "},\n \"calls\": {",
      joined(calls, [](auto& each) { return each; }), "},\n \"functions\": {",
      joined(l.functions, [](auto& each) { return text(quoted(each.first), ": ", each.second); }), "}}");
}

// CUDASIM_REPORT=file (%p: the process's number): what was alive when the process ended, after those who use this
// library were unloaded.
[[gnu::destructor]] void writeReport() {
  std::string file = setting("CUDASIM_REPORT", "");
  if (auto at = file.find("%p"); at != std::string::npos) file.replace(at, 2, std::to_string(getpid()));
  if (!file.empty()) std::ofstream(file) << reportText() << '\n';
}

}  // namespace

std::recursive_mutex& machineLock() {
  static std::recursive_mutex& mutex = *new std::recursive_mutex;
  return mutex;
}

std::string setting(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value && *value ? value : otherwise;
}

long long numberSetting(const char* name, long long otherwise) {
  std::string value = setting(name, "");
  return value.empty() ? otherwise : std::atoll(value.c_str());
}

void violation(const std::string& sentence) {
  std::lock_guard lock(machineLock());
  ledger().violations.push_back(sentence);
  std::fprintf(stderr, "cudasim: %s\n", sentence.c_str());
  if (numberSetting("CUDASIM_FATAL", 0)) std::abort();
}

void born(const char* kind, const void* object, std::string what) {
  std::lock_guard lock(machineLock());
  ledger().objects[{kind, object}] = std::move(what);
}

bool died(const char* kind, const void* object) {
  std::lock_guard lock(machineLock());
  return ledger().objects.erase({kind, object}) > 0;
}

bool isAlive(const char* kind, const void* object) {
  std::lock_guard lock(machineLock());
  return ledger().objects.contains({kind, object});
}

long long countAlive(const std::string& kind) {
  std::lock_guard lock(machineLock());
  long long count = 0;
  for (const auto& [key, what] : ledger().objects) count += kind.empty() || key.first == kind;
  return count;
}

int injected(CallKind kind, int ordinaryStatus, int allocateStatus, int launchStatus) {
  std::lock_guard lock(machineLock());
  Ledger& l = ledger();
  int status = 0;
  if (kind == CallKind::never) return status;
  auto count = [&](int k, int usual) {
    l.calls[k]++;
    if (l.failAt[k] == 0 || --l.failAt[k] > 0) return;
    status = l.failWith[k] ? l.failWith[k] : usual;
  };
  if (kind != CallKind::execute) count(static_cast<int>(CallKind::call), ordinaryStatus);
  if (kind == CallKind::allocate) count(static_cast<int>(kind), allocateStatus);
  if (kind == CallKind::launch || kind == CallKind::execute) count(static_cast<int>(kind), launchStatus);
  return status;
}

void noteFunction(const char* name) {
  std::lock_guard lock(machineLock());
  ledger().functions[name]++;
}

void setBytes(const std::string& where, std::size_t bytes) {
  std::lock_guard lock(machineLock());
  ledger().bytes[where] = bytes;
}

}  // namespace cudasim

using namespace cudasim;

extern "C" {

const char* cudasim_report(void) {
  thread_local std::string report;
  report = reportText();
  return report.c_str();
}

void cudasim_reset(void) {
  std::lock_guard lock(machineLock());
  Ledger& l = ledger();
  l.violations.clear();
  for (int i = 0; i < kindCount; i++) l.calls[i] = l.failAt[i] = l.failWith[i] = 0;
  l.functions.clear();
  if (countsTraffic()) clearTraffic();
  for (int device = 0; device < deviceCount(); device++) clearStickyError(device);
}

int cudasim_fail(const char* kind, long n, int status) {
  std::lock_guard lock(machineLock());
  int k = kindOf(kind);
  if (k < 0) return -1;
  ledger().failAt[k] = n;
  ledger().failWith[k] = status;
  return 0;
}

long cudasim_calls(const char* kind) {
  std::lock_guard lock(machineLock());
  int k = kindOf(kind);
  return k < 0 ? -1 : ledger().calls[k];
}

long cudasim_alive(const char* kind) { return static_cast<long>(countAlive(kind)); }

long cudasim_violations(void) {
  std::lock_guard lock(machineLock());
  return static_cast<long>(ledger().violations.size());
}

const char* cudasim_last_violation(void) {
  std::lock_guard lock(machineLock());
  thread_local std::string last;
  last = ledger().violations.empty() ? "" : ledger().violations.back();
  return last.c_str();
}

}  // extern "C"
