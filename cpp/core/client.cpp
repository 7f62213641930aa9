// Which client a thread works for.
#include "client.hpp"

#include <utility>

namespace cnn {

namespace {
thread_local Client* ofThisThread = nullptr;
thread_local std::weak_ptr<Client> joined;
std::atomic<std::uint64_t> nextId{1};
}  // namespace

Client::Client() : id_(nextId.fetch_add(1)) {}

std::shared_ptr<Client> Client::join() {
  std::shared_ptr<Client> client = joined.lock();
  if (!client || client->hasLeft()) joined = client = std::make_shared<Client>();
  client->users_++;
  ofThisThread = client.get();
  return client;
}

void Client::leave() noexcept {
  if (--users_ > 0) return;
  dismiss();
  if (ofThisThread == this) ofThisThread = nullptr;
}

Client* Client::current() { return ofThisThread; }

Client::Scope::Scope(Client* client) : before_(std::exchange(ofThisThread, client)) {}
Client::Scope::~Scope() { ofThisThread = before_; }

void Client::checkStays() {
  if (ofThisThread && ofThisThread->hasLeft()) fail(ErrorKind::backend, "stopped: its thread or the process ends");
}

}  // namespace cnn
