// Client: one user of the queues, a thread that runs JavaScript. What it puts in runs in that order; between clients
// there is no order.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "failure.hpp"

namespace cnn {

/// Its failures wait in it until somebody is told.
class Client : public Failures {
 public:
  Client();
  /// That of the calling thread, made where it has none or its last one has left. Each call is one `leave` more until
  /// it has left.
  static std::shared_ptr<Client> join();
  /// What it still has in queues is dropped when it is reached, and what runs ends between two steps.
  void leave() noexcept;
  void dismiss() noexcept { hasLeft_.store(true, std::memory_order_release); }
  bool hasLeft() const noexcept { return hasLeft_.load(std::memory_order_acquire); }

  /// Never used twice; 0 stands for no client.
  std::uint64_t id() const { return id_; }
  /// Asked every few milliseconds while the client's thread waits for a queue: whether the thread is being ended. Then
  /// the client leaves.
  std::function<bool()> isEnding;

  /// The one for whom the calling thread works; null: none, and then memory is reused with more care.
  static Client* current();
  /// Makes it the calling thread's for a scope.
  class Scope {
   public:
    explicit Scope(Client* client);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Client* before_;
  };
  /// Throws where the client of the calling thread has left: long work asks between its steps.
  static void checkStays();

 private:
  const std::uint64_t id_;
  int users_ = 0;  // of its own thread
  std::atomic<bool> hasLeft_{false};
};

using ClientPtr = std::shared_ptr<Client>;

}  // namespace cnn
