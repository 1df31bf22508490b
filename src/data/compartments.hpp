// Finds what the keyring needs of a workspace by the workspace's id. Here the data plane checks that the caller may use
// the workspace. What was found is remembered, and looked up again where store::Changes says so; where requests keep
// asking for it, it is read again in time, many at once, so that they never wait for that.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/lease_policies.hpp"
#include "audit/caller.hpp"
#include "base/clock.hpp"
#include "base/lru.hpp"
#include "base/mutex.hpp"
#include "base/task.hpp"
#include "keyring/keyring.hpp"
#include "kms/providers.hpp"
#include "store/store.hpp"

namespace latchkey::data {

enum class Purpose { Encrypt, Decrypt };

class Compartments {
 public:
  using Opened = std::shared_ptr<const keyring::Compartment>;

  // An organisation's lease ages apply up to a soft age of `most_soft` (allowed_ages). All references outlive the
  // object.
  Compartments(store::Store& store, const kms::Providers& clouds, const Clock& clock,
               std::chrono::milliseconds most_soft = admin::kDefaultMostSoft);
  // PermissionDenied for roles without data (admin, compliance); NotFound for a workspace of another organisation or,
  // for a workspace's own key, another workspace; Invalid for encrypting in an archived workspace; ContextUnavailable
  // where the store cannot be read (fail closed); KeyDenied with reason "suspended" while the workspace's key is.
  [[nodiscard]] Task<Result<Opened>> open(const audit::Caller& caller, std::string_view workspace_id, Purpose purpose);
  // The same where nothing has to be looked up, which is nearly always; absent where the caller has to call open().
  [[nodiscard]] std::optional<Result<Opened>> at_hand(const audit::Caller& caller, std::string_view workspace_id,
                                                      Purpose purpose);
  // Has the processor fetch what a request for the workspace will read, while other work goes on
  // (keyring/footprint.hpp). It changes nothing, and may be called before it is known who asks.
  void foresee(std::string_view workspace_id);
  // Reads again what requests still ask for and will not be remembered for much longer. Where the store cannot be read,
  // requests look it up. Returns the time until the next call. One caller at a time.
  [[nodiscard]] Task<std::chrono::milliseconds> look_ahead();

  // What was read so long ago, and is still asked for, is read again.
  static constexpr std::chrono::seconds kLookAheadAfter{20};

 private:
  // What each request reads lies together: where many thousand workspaces are in use, a request waits for each line of
  // the processor's cache that it touches.
  struct Known {
    store::Changes::Moment as_of = 0;
    AgeTime read_at;
    std::shared_ptr<const Error> suspended;
    bool is_archived = false;
    mutable std::atomic<bool> is_in_line = false;
    keyring::Compartment compartment;
  };
  // A workspace's id, padded with zeros, so that a search compares no text elsewhere in memory.
  using WorkspaceKey = std::array<char, 32>;
  struct HashOfWorkspaceKey {
    std::size_t operator()(const WorkspaceKey& key) const {
      return std::hash<std::string_view>{}({key.data(), key.size()});
    }
  };
  // Absent for a text that is too long for an id.
  [[nodiscard]] static std::optional<WorkspaceKey> key_of(std::string_view workspace_id);
  struct Place {
    Uuid organization;
    std::string workspace_id;
  };
  struct Found;
  using Read = Result<std::optional<Found>>;
  [[nodiscard]] static Read read(store::Transaction& tx, const Place& place);
  [[nodiscard]] Task<Result<std::shared_ptr<const Known>>> look_up(const Uuid& organization, std::string workspace_id);
  [[nodiscard]] Task<void> read_again(std::vector<Place> places);
  [[nodiscard]] Result<std::shared_ptr<const Known>> remember(Found found, store::Changes::Moment as_of,
                                                              AgeTime read_at);
  void stand_in_line(const Known& known);
  [[nodiscard]] static Result<Opened> check(const std::shared_ptr<const Known>& known, Purpose purpose);

  store::Store& store_;
  const kms::Providers& clouds_;
  const Clock& clock_;
  std::chrono::milliseconds most_soft_;
  Lru<WorkspaceKey, Known, HashOfWorkspaceKey> known_;
  Mutex mutex_;
  std::vector<Place> line_ LATCHKEY_GUARDED_BY(mutex_);  // to be read again
};

}  // namespace latchkey::data
