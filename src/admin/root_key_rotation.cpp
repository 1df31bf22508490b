#include "admin/root_key_rotation.hpp"

#include <utility>

namespace latchkey::admin {

namespace {

// Short enough that requests of a running server pass between two steps.
constexpr std::size_t kBatch = 500;

Deadline no_deadline() {
  return Deadline::max();
}

}  // namespace

void RootKeyRotation::tell() const {
  if (tell_) tell_(counts_);
}

Task<Result<RootKeyRotationCounts>> RootKeyRotation::run(std::function<void(const RootKeyRotationCounts&)> tell) {
  tell_ = std::move(tell);
  counts_ = {};
  LATCHKEY_CO_TRY(auto newest, co_await provider_.describe(kms::KeyLocation{}, no_deadline()));
  version_ = newest.key_version;
  for (;;) {
    LATCHKEY_CO_TRYV(co_await rewrap_data_keys());
    LATCHKEY_CO_TRYV(co_await rewrap_webhook_secrets());
    LATCHKEY_CO_TRY(auto sealed, co_await reseal());
    counts_.rows += sealed.sealed;
    // A running server may have written under the older root key until it noticed the newer one.
    if (sealed.sealed > 0) continue;
    LATCHKEY_CO_TRY(auto left, co_await count_left());
    counts_.left = left + sealed.refused;
    co_return counts_;
  }
}

Task<Result<RootKeyRotationCounts>> RootKeyRotation::look() {
  counts_ = {};
  LATCHKEY_CO_TRY(auto newest, co_await provider_.describe(kms::KeyLocation{}, no_deadline()));
  version_ = newest.key_version;
  LATCHKEY_CO_TRY(auto sealed, co_await reseal());
  LATCHKEY_CO_TRY(auto left, co_await count_left());
  counts_.rows = sealed.sealed;
  counts_.left = left + sealed.refused;
  co_return counts_;
}

Task<Result<void>> RootKeyRotation::rewrap_data_keys() {
  std::optional<RawId> after;
  for (;;) {
    auto list = [this, after](store::Transaction& tx) {
      return tx.data_keys_under_other_root_keys(version_, after, kBatch);
    };
    LATCHKEY_CO_TRY(auto rows, co_await store_.read(std::move(list)));
    if (rows.empty()) co_return success();
    after = rows.back().id;
    for (auto& row : rows) {
      LATCHKEY_CO_TRYV(co_await rewrap_data_key(std::move(row)));
    }
    tell();
  }
}

Task<Result<void>> RootKeyRotation::rewrap_data_key(store::DataKey row) {
  store::WrappedSecret wrapped{row.key_version, row.wrapped};
  LATCHKEY_CO_TRYV(co_await rewrap(wrapped));
  auto put = [this, row, wrapped](store::Transaction& tx) {
    return tx.rewrap_data_key(row, wrapped.key_version, wrapped.wrapped, clock_.now());
  };
  LATCHKEY_CO_TRY(bool changed, co_await store_.write(std::move(put)));
  if (changed) ++counts_.data_keys;
  co_return success();
}

Task<Result<void>> RootKeyRotation::rewrap_webhook_secrets() {
  std::string after;
  for (;;) {
    auto list = [this, after](store::Transaction& tx) {
      return tx.webhooks_under_other_root_keys(version_, after, kBatch);
    };
    LATCHKEY_CO_TRY(auto rows, co_await store_.read(std::move(list)));
    if (rows.empty()) co_return success();
    after = rows.back().id;
    for (auto& row : rows) {
      LATCHKEY_CO_TRYV(co_await rewrap_webhook_secret(std::move(row)));
    }
    tell();
  }
}

Task<Result<void>> RootKeyRotation::rewrap_webhook_secret(store::WebhookEndpoint row) {
  auto before = row;
  if (row.secret.key_version != version_) {
    LATCHKEY_CO_TRYV(co_await rewrap(row.secret));
  }
  if (row.previous_secret && row.previous_secret->secret.key_version != version_) {
    LATCHKEY_CO_TRYV(co_await rewrap(row.previous_secret->secret));
  }
  auto put = [before, row](store::Transaction& tx) -> Result<bool> {
    LATCHKEY_TRY(auto now, tx.find_webhook_endpoint(row.organization, row.id));
    // The row was changed meanwhile; the next round handles it.
    if (!now || *now != before) return false;
    LATCHKEY_TRYV(tx.update(row));
    return true;
  };
  LATCHKEY_CO_TRY(bool changed, co_await store_.write(std::move(put)));
  if (changed) ++counts_.webhook_secrets;
  co_return success();
}

Task<Result<void>> RootKeyRotation::rewrap(store::WrappedSecret& secret) {
  kms::WrappedKey before{secret.key_version, secret.wrapped};
  LATCHKEY_CO_TRY(auto opened, co_await provider_.unwrap(kms::KeyLocation{}, kms::Binding{}, before, no_deadline()));
  LATCHKEY_CO_TRY(auto wrapped,
                  co_await provider_.wrap(kms::KeyLocation{}, kms::Binding{}, opened.secret, no_deadline()));
  secret = {wrapped.key_version, std::move(wrapped.ciphertext)};
  co_return success();
}

Task<Result<store::SealCounts>> RootKeyRotation::reseal() {
  store::SealProgress progress;
  while (!progress.done) {
    LATCHKEY_CO_TRY(progress, co_await store_.reseal(progress, kBatch));
  }
  co_return progress.counts;
}

Task<Result<std::int64_t>> RootKeyRotation::count_left() {
  auto count = [this](store::Transaction& tx) { return tx.count_under_other_root_keys(version_); };
  co_return co_await store_.read(std::move(count));
}

}  // namespace latchkey::admin
