// Typed errors: each kind becomes the JavaScript class of the same name. A message reads `op: what came, what was
// expected`.
#pragma once

#include <cstddef>
#include <new>
#include <sstream>
#include <stdexcept>
#include <string>

#include "dims.hpp"
#include "dtype.hpp"

namespace cnn {

enum class ErrorKind { shape, dtype, value, device, outOfMemory, disposed, gradient, backend };

/// The JavaScript class of each kind.
inline const char* className(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::shape: return "ShapeError";
    case ErrorKind::dtype: return "DTypeError";
    case ErrorKind::value: return "ValueError";
    case ErrorKind::device: return "DeviceError";
    case ErrorKind::outOfMemory: return "OutOfMemoryError";
    case ErrorKind::disposed: return "DisposedError";
    case ErrorKind::gradient: return "GradientError";
    case ErrorKind::backend: return "BackendError";
  }
  return "BackendError";
}

/// Figures of a device's memory, in bytes. `live` is held by tensors, `reserved` was taken from the system, `peak` is
/// the highest `live`.
struct MemoryFigures {
  std::size_t live = 0, reserved = 0, peak = 0, limit = 0;  // limit 0: none
  std::size_t tensors = 0;                                  // storages alive
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind(kind) {}
  ErrorKind kind;
  MemoryFigures memory;       // outOfMemory only
  std::size_t requested = 0;  // outOfMemory only
  /// The same with a longer message.
  Error saying(const std::string& message) const {
    Error error(*this);
    static_cast<std::runtime_error&>(error) = std::runtime_error(message);
    return error;
  }
};

/// Any exception as an Error: a failed `new` is one of memory, what a library throws is one of the backend.
inline Error asError(const std::exception& exception) {
  if (auto error = dynamic_cast<const Error*>(&exception)) return *error;
  if (dynamic_cast<const std::bad_alloc*>(&exception))
    return Error(ErrorKind::outOfMemory, "out of memory: the system gives this process no more");
  return Error(ErrorKind::backend, exception.what());
}

namespace detail {
inline void put(std::ostringstream& out, const Dims& dims) { out << toString(dims); }
inline void put(std::ostringstream& out, DType dtype) { out << toString(dtype); }
inline void put(std::ostringstream& out, bool value) { out << (value ? "true" : "false"); }
template <class T>
void put(std::ostringstream& out, const T& value) {
  out << value;
}
}  // namespace detail

/// Joins its arguments into a sentence; knows how to print shapes and types.
template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (detail::put(out, parts), ...);
  return out.str();
}

template <class... Parts>
[[noreturn]] void fail(ErrorKind kind, const Parts&... parts) {
  throw Error(kind, text(parts...));
}

}  // namespace cnn
