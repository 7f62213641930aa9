// Uploads fill one half of a double buffer while the other is under way; downloads go chunk by chunk through two.
#include "transfer.hpp"

#include <algorithm>
#include <cstring>

#include "check.hpp"

namespace cnn::cuda {

namespace {

constexpr std::size_t alignment = 256;

std::byte* at(const auto& buffer, std::size_t offset) { return static_cast<std::byte*>(buffer.get()) + offset; }

}  // namespace

Transfer::Transfer(const Engine& engine)
    : stream_(engine.stream),
      copies_(makeStream()),
      outgoing_(makePinnedBytes(2 * half)),
      incoming_(makePinnedBytes(2 * chunk)),
      landing_(makeDeviceBytes(2 * half)),
      arrived_(makeEvent()),
      isFree_{makeEvent(), makeEvent()},
      ready_{makeEvent(), makeEvent()} {}

void Transfer::turn() {
  CHECK(cudaEventRecord(isFree_[current_].get(), stream_));
  current_ = 1 - current_;
  used_ = 0;
  CHECK(cudaEventSynchronize(isFree_[current_].get()));
}

void Transfer::upload(void* to, const void* from, std::size_t bytes) {
  for (std::size_t done = 0; done < bytes;) {
    if (used_ == half) turn();
    std::size_t part = std::min(bytes - done, half - used_), offset = static_cast<std::size_t>(current_) * half + used_;
    void* target = static_cast<std::byte*>(to) + done;
    std::memcpy(at(outgoing_, offset), static_cast<const std::byte*>(from) + done, part);
    if (part <= direct) {
      CHECK(cudaMemcpyAsync(target, at(outgoing_, offset), part, cudaMemcpyHostToDevice, stream_));
    } else {
      CHECK(cudaMemcpyAsync(at(landing_, offset), at(outgoing_, offset), part, cudaMemcpyHostToDevice, copies_.get()));
      CHECK(cudaEventRecord(arrived_.get(), copies_.get()));
      CHECK(cudaStreamWaitEvent(stream_, arrived_.get(), 0));
      CHECK(cudaMemcpyAsync(target, at(landing_, offset), part, cudaMemcpyDeviceToDevice, stream_));
    }
    used_ += (part + alignment - 1) / alignment * alignment;
    done += part;
  }
}

void Transfer::download(void* to, const void* from, std::size_t bytes) {
  auto sizeAt = [&](std::size_t i) { return std::min(chunk, bytes - i * chunk); };
  auto start = [&](std::size_t i) {
    CHECK(cudaMemcpyAsync(at(incoming_, i % 2 * chunk), static_cast<const std::byte*>(from) + i * chunk, sizeAt(i),
                          cudaMemcpyDeviceToHost, stream_));
    CHECK(cudaEventRecord(ready_[i % 2].get(), stream_));
  };
  std::size_t chunks = (bytes + chunk - 1) / chunk;
  if (chunks > 0) start(0);
  for (std::size_t i = 0; i < chunks; i++) {
    if (i + 1 < chunks) start(i + 1);
    CHECK(cudaEventSynchronize(ready_[i % 2].get()));
    std::memcpy(static_cast<std::byte*>(to) + i * chunk, at(incoming_, i % 2 * chunk), sizeAt(i));
  }
  CHECK(cudaStreamSynchronize(stream_));
}

}  // namespace cnn::cuda
