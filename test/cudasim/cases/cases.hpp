// Cases: small programs, each of which keeps to the rules or breaks one. The simulator must be silent, or say the
// sentence.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>

#include <string>
#include <vector>

#include "control.h"

namespace cases {

struct Case {
  std::string name;
  std::string expected;  // part of the violation's sentence; "": none may be recorded
  void (*run)();
  bool isDeadly = false;  // the host touches what it must not: the process dies of it
};

std::vector<Case>& all();
bool add(Case each);

#define CASE(name, expected)                                                                       \
  static void name();                                                                              \
  [[maybe_unused]] static const bool name##IsAdded = ::cases::add({#name, expected, name, false}); \
  static void name()
#define DEADLY(name, expected)                                                                    \
  static void name();                                                                             \
  [[maybe_unused]] static const bool name##IsAdded = ::cases::add({#name, expected, name, true}); \
  static void name()

/// Ends the process where a case itself goes wrong.
void require(bool isTrue, const char* what);
#define REQUIRE(condition) ::cases::require(condition, #condition)
/// The call succeeds.
#define OK(call) ::cases::require(static_cast<int>(call) == 0, #call)
/// The call fails.
#define FAILS(call) ::cases::require(static_cast<int>(call) != 0, #call " fails")

float* deviceFloats(int count);
std::vector<float> download(const float* x, int count);
void upload(float* x, const std::vector<float>& values);

}  // namespace cases
