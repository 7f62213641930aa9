// Autocast: which type each op computes in while a session asks for mixed precision (torch.autocast's lists).
#pragma once

#include <memory>
#include <unordered_map>

#include "session.hpp"
#include "tensor.hpp"

namespace cnn {

/// The inputs in the types in which `op` computes, each cast on the tape. float64 and integers stay as they are.
Tensors autocast(Session& session, const Op& op, Tensors inputs);

/// Casts of parameters, so that one that is used twice, or by several calls, is cast once. It is emptied when autocast
/// ends.
class CastCache {
 public:
  /// `parameter` in `dtype`, from the cache where it holds.
  Tensor cast(Session& session, const Tensor& parameter, DType dtype);

 private:
  struct Entry {
    std::weak_ptr<TensorImpl> parameter;  // an address may come again
    std::uint32_t version;
    Tensor cast;
  };
  std::unordered_map<const TensorImpl*, Entry> entries_;
};

}  // namespace cnn
