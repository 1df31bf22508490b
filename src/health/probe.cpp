#include "health/probe.hpp"

#include "admin/key_location.hpp"
#include "base/log.hpp"
#include "kms/key_errors.hpp"
#include "kms/validation.hpp"

namespace latchkey::health {

namespace {

News failed(Error error) {
  News news;
  news.kind = News::Kind::Failed;
  news.error = std::move(error);
  return news;
}

// The server's own trouble says nothing about the key, nor does a question that was not asked.
bool is_ours(const Error& error) {
  return kms::was_not_asked(error) || kms::failed_access_check(error) || error.code == ErrorCode::Internal;
}

}  // namespace

Task<std::optional<News>> probe(kms::KeyProvider& provider, const kms::Providers& clouds, HealthBook& book,
                                store::ExternalKey key, RandomSource& random, Deadline deadline) {
  auto located = admin::key_location(clouds, key);
  if (!located) {
    spdlog::error("the health of {} cannot be checked: {}", key.id, describe(located.error()));
    co_return std::nullopt;
  }
  const auto& location = located.value();
  auto whole = co_await kms::check_round_trip(provider, location, random, deadline);
  if (whole) {
    News news;
    news.kind = News::Kind::RoundTrip;
    co_return news;
  }
  auto error = whole.error();
  if (is_ours(error)) co_return std::nullopt;
  if (!kms::is_refusal(error) || !kms::concerns_wrapping_alone(error)) co_return failed(std::move(error));

  auto data_key = co_await book.data_key_under(key);
  if (!data_key) co_return std::nullopt;
  if (!data_key.value()) co_return failed(std::move(error));
  const auto& row = *data_key.value();
  kms::Binding bound_to{row.organization, row.compartment, row.id};
  kms::WrappedKey wrapped{row.key_version, row.wrapped};
  auto opened = co_await provider.unwrap(location, bound_to, wrapped, deadline);
  // A wrapped key that is damaged is another's alarm; the key was willing.
  if (!opened && opened.error().code != ErrorCode::Corrupt) {
    if (is_ours(opened.error())) co_return std::nullopt;
    co_return failed(opened.error());
  }
  News news;
  news.kind = News::Kind::WrapRefused;
  news.error = std::move(error);
  co_return news;
}

}  // namespace latchkey::health
