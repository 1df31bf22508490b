// Latchkey for your own program: it leases data keys from a Latchkey server and encrypts in your own process.
//
//   auto client = latchkey::Client::create({.url = "https://keys.example.com", .api_key = key});
//   auto workspace = client.value().workspace("wrkspc_01...");
//   auto sealed = workspace.encrypt(bytes, {{"table", "users"}});
//
// The server decides who may use a key, and the customer's key decides whether anybody may. The client renews a lease
// every `keyring.soft` (60 s), a little ahead of time. It wipes a key that is refused at once, with all that was
// derived from it. While the server cannot be reached, it uses up what is left of the lease. A thread of each client
// wipes the keys whose leases have ended. Nothing throws but std::bad_alloc, and an Outcome that is asked for what it
// does not hold. docs/format.md describes the formats.
//
// What goes wrong most often:
// - A process forks and the child goes on with the parent's Client. The child has neither its threads nor its leased
//   keys. Make a Client after the fork.
// - A program writes on after a StreamWriter failed. Every further call fails, and what it has put out is no stream.
//   Throw that output away and begin a new stream.
// - A program forgets the context that it encrypted with. Nothing stores it, and nobody can decrypt without it. Take it
//   from what is stored beside the data, such as a table's name and a row's key.
// - A program uses value() without a test of the Outcome. A refused key then ends it with std::bad_variant_access.
// - A program keeps decrypted plaintext, in a cache or a log. No refusal of the customer's key reaches it there. Wipe
//   plaintext after each use, and decrypt again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#define LATCHKEY_EXPORT __attribute__((visibility("default")))

namespace latchkey {

enum class FailureKind {
  Invalid,      // the call is wrong: it needs another argument
  Refused,      // the server or the customer's key refuses: do not retry
  Unreachable,  // the server could not be reached, and the lease has ended: retry later
  WrongKey,     // made with another data key, or, for streams, for another workspace or with another context
  Corrupt,      // damaged or cut off; for records, also of another workspace or context
  Failed,       // the system has no more threads, or your own input or output has failed
};

struct Failure {
  FailureKind kind = FailureKind::Invalid;
  std::string reason;   // a stable name of docs/errors.md; may be empty
  std::string message;  // for a person: what happened, to what, and the cure; never a secret
};

template <class T>
class [[nodiscard]] Outcome {
 public:
  Outcome(T value) : either_(std::in_place_index<0>, std::move(value)) {}
  Outcome(Failure failure) : either_(std::in_place_index<1>, std::move(failure)) {}

  [[nodiscard]] explicit operator bool() const { return either_.index() == 0; }
  // Call these only after a test with operator bool: the wrong one throws std::bad_variant_access.
  [[nodiscard]] T& value() & { return std::get<0>(either_); }
  [[nodiscard]] const T& value() const& { return std::get<0>(either_); }
  [[nodiscard]] T&& value() && { return std::get<0>(std::move(either_)); }
  [[nodiscard]] const Failure& failure() const { return std::get<1>(either_); }

 private:
  std::variant<T, Failure> either_;
};
using Done = Outcome<std::monostate>;

using ByteSpan = std::span<const std::uint8_t>;
using MutableByteSpan = std::span<std::uint8_t>;
// Bound to the data and not stored: decryption needs the same context. At most 8 KiB of UTF-8.
using DataContext = std::map<std::string, std::string>;

struct ClientSettings {
  std::string url;      // "https://keys.example.com"
  std::string api_key;  // of the role service or workspace
  std::string ca_file;  // PEM of the authorities to trust instead of the system's; may be empty
};

// Receives a stream piece by piece, in order. Where it fails, the call that made the piece fails, too.
using StreamOutput = std::function<Done(ByteSpan)>;
// Fills all of `out` from byte `offset` of a stream on.
using StreamInput = std::function<Done(std::uint64_t offset, MutableByteSpan out)>;

// Encrypts plaintext into a stream. Without finish, the output is no stream and will not open. Movable; one thread at a
// time. After a failure, and after finish, every call fails. A refusal of the key ends the writer before its next
// piece, also within a call.
class LATCHKEY_EXPORT StreamWriter {
 public:
  StreamWriter(StreamWriter&&) noexcept;
  StreamWriter& operator=(StreamWriter&&) noexcept;
  ~StreamWriter();
  Done write(ByteSpan plaintext);
  Done finish();

 private:
  friend class Workspace;
  struct State;
  explicit StreamWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Decrypts any part of a stream; it returns only bytes that were checked. Movable; thread-safe where its input is. A
// refusal of the key ends a read before its next piece; the next read asks for the key again.
class LATCHKEY_EXPORT StreamReader {
 public:
  StreamReader(StreamReader&&) noexcept;
  StreamReader& operator=(StreamReader&&) noexcept;
  ~StreamReader();
  [[nodiscard]] std::uint64_t size() const;  // of the plaintext
  // Fills `out` from the plaintext's byte `offset` on, and returns how many bytes it filled: fewer than all only at the
  // end. Zeroes `out` where it fails.
  Outcome<std::size_t> read(std::uint64_t offset, MutableByteSpan out) const;

 private:
  friend class Workspace;
  struct State;
  explicit StreamReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Encrypts and decrypts one workspace's data. A handle: copies share its leases. Thread-safe.
class LATCHKEY_EXPORT Workspace {
 public:
  struct State;

  // Returns a record, which is 92 bytes longer than its plaintext.
  Outcome<std::vector<std::uint8_t>> encrypt(ByteSpan plaintext, const DataContext& context = {}) const;
  // Wipe the plaintext when you no longer need it. The client asks for a data key that the workspace does not have only
  // once in 10 s, however many records name it.
  Outcome<std::vector<std::uint8_t>> decrypt(ByteSpan record, const DataContext& context = {}) const;

  // A stream of any size, encrypted by `threads` threads at once; `output` is called from the calling thread. Failed
  // where the system has no more threads.
  Outcome<StreamWriter> new_stream(StreamOutput output, const DataContext& context = {}, unsigned threads = 1) const;
  // Opens a stream of `size` bytes, and checks its end first.
  Outcome<StreamReader> open_stream(std::uint64_t size, StreamInput input, const DataContext& context = {}) const;

 private:
  friend class Client;
  explicit Workspace(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

// The client of a server. A handle: copies share connections and two threads, which end with the last handle,
// workspaces and streams included. Thread-safe. Make another one in a forked child: the child has neither its threads
// nor its leased keys.
class LATCHKEY_EXPORT Client {
 public:
  // Invalid where the settings cannot be used, Failed where the system has no more threads. It does not call the server
  // yet.
  static Outcome<Client> create(ClientSettings settings);
  // Does not look the workspace up: the first use of one that does not exist fails.
  [[nodiscard]] Workspace workspace(std::string id) const;

 private:
  struct State;
  explicit Client(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace latchkey
