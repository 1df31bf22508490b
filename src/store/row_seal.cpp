#include "store/row_seal.hpp"

#include <algorithm>

#include <boost/endian/conversion.hpp>

#include "crypto/hash.hpp"

namespace latchkey::store {

namespace {

constexpr char kAbsent = 'n';
constexpr char kNumber = 'i';
constexpr char kText = 't';
constexpr char kBytes = 'b';

constexpr std::size_t kIdSize = std::tuple_size_v<SealKeyId>;
constexpr std::size_t kSealSize = kIdSize + std::tuple_size_v<crypto::Sha256>;

void append_number(Bytes& bytes, std::uint64_t value) {
  std::array<std::uint8_t, 8> encoded{};
  boost::endian::store_big_u64(encoded.data(), value);
  bytes.insert(bytes.end(), encoded.begin(), encoded.end());
}

ByteView id_of(ByteView seal) {
  return seal.first(kIdSize);
}

const SealKey* find(const RowSealer::Keys& keys, ByteView id) {
  auto found = std::ranges::find_if(keys, [&](const SealKey& key) { return std::ranges::equal(key.id, id); });
  return found == keys.end() ? nullptr : &*found;
}

}  // namespace

void SealText::add_sized(char tag, ByteView value) {
  bytes_.push_back(static_cast<std::uint8_t>(tag));
  append_number(bytes_, value.size());
  bytes_.insert(bytes_.end(), value.begin(), value.end());
}

void SealText::add(std::string_view text) {
  add_sized(kText, as_bytes(text));
}

void SealText::add(ByteView bytes) {
  add_sized(kBytes, bytes);
}

void SealText::add(std::int64_t number) {
  bytes_.push_back(static_cast<std::uint8_t>(kNumber));
  append_number(bytes_, static_cast<std::uint64_t>(number));
}

void SealText::add_absent() {
  bytes_.push_back(static_cast<std::uint8_t>(kAbsent));
}

RowSealer::RowSealer(Keys keys, Reload reload)
    : keys_(std::make_shared<const Keys>(std::move(keys))), reload_(std::move(reload)) {}

RowSealer::SharedKeys RowSealer::keys() const {
  MutexLock lock(mutex_);
  return keys_;
}

RowSealer::SharedKeys RowSealer::reload() const {
  MutexLock lock(mutex_);
  if (!reload_) return keys_;
  if (auto read = reload_(); read && !read->empty()) keys_ = std::make_shared<const Keys>(std::move(*read));
  return keys_;
}

Bytes RowSealer::seal(const SealText& text) const {
  auto all = reload();
  const auto& newest = all->front();
  auto code = crypto::hmac_sha256(newest.key.reveal(), text.bytes());
  Bytes seal(newest.id.begin(), newest.id.end());
  seal.insert(seal.end(), code.begin(), code.end());
  return seal;
}

SealVerdict RowSealer::check(const SealText& text, ByteView seal) const {
  if (seal.size() != kSealSize) return SealVerdict::Missing;
  auto all = keys();
  const auto* key = find(*all, id_of(seal));
  if (key == nullptr) {
    all = reload();
    key = find(*all, id_of(seal));
  }
  if (key == nullptr) return SealVerdict::UnknownKey;
  auto code = crypto::hmac_sha256(key->key.reveal(), text.bytes());
  return crypto::equal_constant_time(code, seal.subspan(kIdSize)) ? SealVerdict::Good : SealVerdict::Wrong;
}

bool RowSealer::is_newest(ByteView seal) const {
  return seal.size() == kSealSize && std::ranges::equal(id_of(seal), keys()->front().id);
}

SealKeyId RowSealer::newest() const {
  return keys()->front().id;
}

bool RowSealer::knows(const SealKeyId& id) const {
  return find(*keys(), id) != nullptr;
}

}  // namespace latchkey::store
