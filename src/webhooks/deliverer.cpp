#include "webhooks/deliverer.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <set>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "audit/activity_log.hpp"
#include "base/attempt_limiter.hpp"
#include "base/log.hpp"
#include "base/mutex.hpp"
#include "webhooks/backlog.hpp"
#include "webhooks/delivery_result.hpp"
#include "webhooks/endpoints.hpp"
#include "webhooks/event.hpp"
#include "webhooks/retry_schedule.hpp"
#include "webhooks/signature.hpp"

namespace latchkey::webhooks {

namespace {

constexpr std::size_t kMostResponse = std::size_t{64} * 1024;
constexpr std::chrono::hours kForgetPeriod{1};

std::int64_t unix_seconds(Timestamp time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

struct Job {
  store::WebhookDelivery delivery;
  store::WebhookEndpoint endpoint;
};

// Writes down that an attempt begins, so that a later reader of the row knows of the attempt even if this process ends.
Result<void> claim(store::Transaction& tx, store::WebhookDelivery& delivery, Timestamp now,
                   std::chrono::milliseconds time) {
  ++delivery.attempts;
  delivery.last_attempt_at = now;
  delivery.next_attempt_at = now + time;
  return tx.update(delivery);
}

}  // namespace

class Deliverer::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(store::Store& store, http::Client& client, SecretKeeper& secrets, const Clock& clock, RandomSource& random,
       boost::asio::any_io_executor executor, DelivererSettings settings)
      : store_(store),
        client_(client),
        secrets_(secrets),
        clock_(clock),
        random_(random),
        executor_(std::move(executor)),
        settings_(settings),
        test_limiter_(clock, settings.tests_per_minute, {"Webhook endpoint", "tested"}),
        forget_at_(clock.steady()) {}

  Task<std::chrono::milliseconds> run_once() {
    auto begun = co_await begin_due();
    if (!begun)
      spdlog::error("the server could not begin the webhook deliveries that are due: {}", describe(begun.error()));
    auto forgotten = co_await forget_old();
    if (!forgotten) spdlog::warn("the server could not erase old webhook deliveries: {}", describe(forgotten.error()));
    auto tidied = co_await tidy_up();
    if (!tidied)
      spdlog::warn("the server could not erase webhook deliveries beyond their limit: {}", describe(tidied.error()));
    bool is_more = (forgotten && forgotten.value()) || (tidied && tidied.value());
    co_return is_more ? std::chrono::milliseconds(0) : settings_.pause;
  }

  void stop() { stopping_ = true; }

  AttemptCounts counts() const { return {delivered_, failed_}; }

  bool idle() const {
    MutexLock lock(mutex_);
    return busy_.empty();
  }

  Task<Result<store::WebhookDelivery>> test(audit::Caller caller, std::string endpoint_id) {
    auto look = [organization = caller.organization, endpoint_id](store::Transaction& tx) {
      return require_endpoint(tx, organization, endpoint_id);
    };
    // The endpoint is looked up first, so that nobody fills the limiter with names that do not exist.
    LATCHKEY_CO_TRYV(co_await store_.read(std::move(look)));
    LATCHKEY_CO_TRY(auto permit, test_limiter_.begin(endpoint_id));
    auto begin = [self = shared_from_this(), caller,
                  endpoint_id = std::move(endpoint_id)](store::Transaction& tx) -> Result<Job> {
      LATCHKEY_TRYV(audit::confirm_caller(tx, caller));
      Job job;
      LATCHKEY_TRY(job.endpoint, require_endpoint(tx, caller.organization, endpoint_id));
      Event event{event_type::kEndpointTest, caller.organization, job.endpoint.id};
      auto event_id = make_id(id_prefix::kEvent, self->random_);
      auto now = self->clock_.now();
      job.delivery = make_delivery(event, event_id, job.endpoint.id, now, self->random_);
      LATCHKEY_TRYV(tx.insert(job.delivery));
      LATCHKEY_TRYV(claim(tx, job.delivery, now, self->settings_.claim));
      return job;
    };
    LATCHKEY_CO_TRY(auto job, co_await store_.write(std::move(begin)));
    co_return co_await attempt(std::move(job));
  }

 private:
  Task<Result<void>> begin_due() {
    auto limit = 2 * settings_.concurrency;
    auto look = [now = clock_.now(), limit](store::Transaction& tx) { return tx.due_webhook_deliveries(now, limit); };
    LATCHKEY_CO_TRY(auto due, co_await store_.read(std::move(look)));
    if (due.empty() || stopping_) co_return success();
    auto take = [self = shared_from_this(), limit](store::Transaction& tx) { return self->take_due(tx, limit); };
    LATCHKEY_CO_TRY(auto jobs, co_await store_.write(std::move(take)));
    for (auto& job : jobs) {
      {
        MutexLock lock(mutex_);
        take_place(job.endpoint);
      }
      auto run = [](std::shared_ptr<Impl> self, Job one) -> Task<void> {
        auto endpoint = one.endpoint.id;
        auto organization = one.endpoint.organization;
        auto ended = co_await self->attempt(std::move(one));
        if (!ended) {
          spdlog::error(
              "the outcome of a delivery to webhook endpoint {} could not be written down, so the server sends it "
              "again: {}",
              endpoint, describe(ended.error()));
        }
        MutexLock lock(self->mutex_);
        self->leave_place(endpoint, organization);
      };
      boost::asio::co_spawn(executor_, run(shared_from_this(), std::move(job)), boost::asio::detached);
    }
    co_return success();
  }

  Result<std::vector<Job>> take_due(store::Transaction& tx, std::size_t limit) {
    auto now = clock_.now();
    LATCHKEY_TRY(auto due, tx.due_webhook_deliveries(now, limit));
    std::vector<Job> jobs;
    for (auto& delivery : due) {
      if (!has_room(delivery, jobs)) continue;
      LATCHKEY_TRY(auto endpoint, tx.find_webhook_endpoint(delivery.organization, delivery.endpoint_id));
      if (!endpoint || !endpoint->enabled) continue;
      LATCHKEY_TRYV(claim(tx, delivery, now, settings_.claim));
      jobs.push_back({std::move(delivery), std::move(*endpoint)});
    }
    return jobs;
  }

  // `taken` are the jobs of this turn, which have no place yet.
  bool has_room(const store::WebhookDelivery& delivery, const std::vector<Job>& taken) const {
    MutexLock lock(mutex_);
    auto all = busy_.size() + taken.size();
    if (all >= settings_.concurrency || busy_.contains(delivery.endpoint_id)) return false;
    auto found = places_.find(delivery.organization);
    auto own = found == places_.end() ? 0 : found->second;
    own += static_cast<std::size_t>(std::ranges::count_if(
        taken, [&](const Job& job) { return job.delivery.organization == delivery.organization; }));
    bool scarce = 2 * all >= settings_.concurrency;
    return own < (scarce ? 1 : settings_.per_organization);
  }

  void take_place(const store::WebhookEndpoint& endpoint) LATCHKEY_REQUIRES(mutex_) {
    busy_.insert(endpoint.id);
    ++places_[endpoint.organization];
  }
  void leave_place(const std::string& endpoint, const Uuid& organization) LATCHKEY_REQUIRES(mutex_) {
    busy_.erase(endpoint);
    auto found = places_.find(organization);
    if (found != places_.end() && --found->second == 0) places_.erase(found);
  }

  Task<Result<store::WebhookDelivery>> attempt(Job job) {
    auto endpoint = job.endpoint.id;
    auto event = job.delivery.event_id;
    auto result = co_await send(job);
    ++(result.delivered ? delivered_ : failed_);
    if (result.delivered) {
      spdlog::debug("event {} was delivered to webhook endpoint {}", event, endpoint);
    } else {
      spdlog::warn("event {} was not delivered to webhook endpoint {} in attempt {}: {}{}", event, endpoint,
                   job.delivery.attempts, result.error, result.detail.empty() ? "" : " (" + result.detail + ")");
    }
    auto note = [self = shared_from_this(), delivery = std::move(job.delivery),
                 result = std::move(result)](store::Transaction& tx) { return self->note(tx, delivery, result); };
    co_return co_await store_.write(std::move(note));
  }

  Task<DeliveryResult> send(const Job& job) {
    auto signature = co_await signatures(job);
    DeliveryResult result;
    if (!signature) {
      result.error = fmt::format(
          "The endpoint's signing secret could not be read, so nothing was sent. Give it a new one: latchkey webhooks "
          "rotate {}",
          job.endpoint.id);
      result.detail = describe(signature.error());
      co_return result;
    }
    http::ClientRequest request;
    request.method = "POST";
    request.url = job.endpoint.url;
    request.headers = {{"content-type", "application/json"},
                       {"webhook-id", job.delivery.event_id},
                       {"webhook-timestamp", std::to_string(signature.value().unix_seconds)},
                       {"webhook-signature", std::move(signature.value().text)}};
    request.body = job.delivery.body;
    request.deadline = clock_.steady() + settings_.timeout;
    request.max_response_bytes = kMostResponse;
    auto outcome = co_await client_.send(std::move(request));
    co_return read_result(outcome, clock_.now());
  }

  struct Signatures {
    std::int64_t unix_seconds = 0;
    std::string text;
  };

  // Signs with the secret, and with the previous one while that is valid.
  Task<Result<Signatures>> signatures(const Job& job) {
    auto now = clock_.now();
    std::vector<store::WrappedSecret> secrets{job.endpoint.secret};
    const auto& previous = job.endpoint.previous_secret;
    if (previous && now < previous->expires_at) secrets.push_back(previous->secret);
    Signatures made{unix_seconds(now), {}};
    for (const auto& wrapped : secrets) {
      LATCHKEY_CO_TRY(auto secret, co_await secrets_.open(job.endpoint.id, wrapped));
      if (!made.text.empty()) made.text += ' ';
      made.text += sign(secret, job.delivery.event_id, made.unix_seconds, job.delivery.body);
    }
    co_return made;
  }

  Result<store::WebhookDelivery> note(store::Transaction& tx, store::WebhookDelivery delivery,
                                      const DeliveryResult& result) {
    delivery.last_status = result.status;
    delivery.last_error = result.error.empty() ? std::nullopt : std::optional(result.error);
    delivery.next_attempt_at.reset();
    delivery.state = result.delivered ? store::WebhookDeliveryState::Delivered : store::WebhookDeliveryState::Failed;
    LATCHKEY_TRY(auto current, tx.find_webhook_delivery(delivery.id));
    // An admin removed the endpoint meanwhile.
    if (!current) return delivery;
    bool given_up = current->state != store::WebhookDeliveryState::Pending;
    bool test = delivery.event_type == event_type::kEndpointTest;
    if (given_up && !result.delivered && !test) delivery.last_error = current->last_error;
    if (!result.delivered && !result.gone && !given_up && !test) {
      delivery.next_attempt_at =
          next_attempt(delivery.created_at, delivery.attempts, clock_.now(), result.retry_after, random_);
      if (delivery.next_attempt_at) {
        delivery.state = store::WebhookDeliveryState::Pending;
      } else {
        LATCHKEY_TRYV(audit::record_system_activity(tx, clock_, random_, delivery.organization,
                                                    audit::ActivityType::WebhookDeliveryFailed,
                                                    {{"webhook_endpoint_id", delivery.endpoint_id},
                                                     {"event_id", delivery.event_id},
                                                     {"event_type", delivery.event_type},
                                                     {"error", result.error}}));
      }
    }
    LATCHKEY_TRYV(tx.update(delivery));
    if (result.gone) {
      LATCHKEY_TRYV(disable(tx, delivery, result.error));
    }
    return delivery;
  }

  Result<void> disable(store::Transaction& tx, const store::WebhookDelivery& delivery, const std::string& why) {
    LATCHKEY_TRY(auto endpoint, tx.find_webhook_endpoint(delivery.organization, delivery.endpoint_id));
    if (!endpoint || !endpoint->enabled) return success();
    endpoint->enabled = false;
    endpoint->disabled_reason = why;
    endpoint->updated_at = clock_.now();
    LATCHKEY_TRYV(tx.update(*endpoint));
    LATCHKEY_TRYV(give_up_pending(tx, endpoint->id));
    return audit::record_system_activity(tx, clock_, random_, endpoint->organization,
                                         audit::ActivityType::WebhookEndpointDisabled,
                                         {{"webhook_endpoint_id", endpoint->id}, {"reason", why}});
  }

  // True where more may be left.
  Task<Result<bool>> forget_old() {
    if (stopping_ || clock_.steady() < forget_at_) co_return false;
    forget_at_ = clock_.steady() + kForgetPeriod;
    auto forget = [before = clock_.now() - settings_.keep](store::Transaction& tx) {
      return tx.erase_webhook_deliveries_before(before, kChangedAtOnce);
    };
    LATCHKEY_CO_TRY(auto forgotten, co_await store_.write(std::move(forget)));
    if (forgotten < kChangedAtOnce) co_return false;
    forget_at_ = clock_.steady();
    co_return true;
  }

  // True where more may be left.
  Task<Result<bool>> tidy_up() {
    if (stopping_) co_return false;
    LATCHKEY_CO_TRY(bool untidy, co_await store_.read(is_untidy));
    if (!untidy) co_return false;
    co_return co_await store_.write(tidy);
  }

  store::Store& store_;
  http::Client& client_;
  SecretKeeper& secrets_;
  const Clock& clock_;
  RandomSource& random_;
  boost::asio::any_io_executor executor_;
  DelivererSettings settings_;
  AttemptLimiter test_limiter_;
  SteadyTime forget_at_;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::uint64_t> delivered_ = 0;
  std::atomic<std::uint64_t> failed_ = 0;
  mutable Mutex mutex_;
  std::set<std::string> busy_ LATCHKEY_GUARDED_BY(mutex_);          // endpoints with a delivery under way
  std::map<Uuid, std::size_t> places_ LATCHKEY_GUARDED_BY(mutex_);  // how many of these each organisation has
};

Deliverer::Deliverer(store::Store& store, http::Client& client, SecretKeeper& secrets, const Clock& clock,
                     RandomSource& random, boost::asio::any_io_executor executor, DelivererSettings settings)
    : impl_(std::make_shared<Impl>(store, client, secrets, clock, random, std::move(executor), settings)) {}

Deliverer::~Deliverer() = default;

Task<std::chrono::milliseconds> Deliverer::run_once() {
  return impl_->run_once();
}
void Deliverer::stop() {
  impl_->stop();
}
AttemptCounts Deliverer::counts() const {
  return impl_->counts();
}
bool Deliverer::idle() const {
  return impl_->idle();
}
Task<Result<store::WebhookDelivery>> Deliverer::test(audit::Caller caller, std::string endpoint_id) {
  return impl_->test(std::move(caller), std::move(endpoint_id));
}

}  // namespace latchkey::webhooks
