// Measures the keyring's promises: how often it calls a customer's vault, and how long requests wait. Prints one JSON
// object, which scripts/bench reads. Usage: keyring_bench [--quick]
#include <algorithm>
#include <cstdio>
#include <future>
#include <latch>
#include <random>

#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/json.hpp>

#include "envelope/record.hpp"
#include "keyring_fixture.hpp"

namespace latchkey::bench {
namespace {

bool quick = false;

double at(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5)];
}

boost::json::object summary(const std::vector<double>& values) {
  return {{"median", at(values, 0.5)},
          {"low", at(values, 0.25)},
          {"high", at(values, 0.75)},
          {"most", at(values, 1)},
          {"runs", values.size()}};
}

double since(SteadyTime begun) {
  return Milliseconds(std::chrono::steady_clock::now() - begun).count();
}

// Runs `count` tasks at once and waits for them.
void at_once(KeyringFixture& fixture, std::size_t count, const std::function<Task<void>(std::size_t)>& task) {
  std::latch ended(static_cast<std::ptrdiff_t>(count));
  for (std::size_t i = 0; i < count; ++i) {
    boost::asio::co_spawn(fixture.context(), task(i), [&](const std::exception_ptr& error) {
      require(!error, "a task threw");
      ended.count_down();
    });
  }
  ended.wait();
}

// 1 000 requests at once decrypt under one data key that has no lease.
boost::json::object herd() {
  constexpr int kLatency = 50;
  SystemClock clock;
  KeyringFixture fixture({.ages = {}, .threads = 2, .clock = &clock});
  auto compartment = fixture.add("herd");
  auto id = fixture.make_data_key(compartment);
  fixture.vaults().latency_ms = kLatency;
  std::vector<double> slowest;
  std::uint64_t most_unwraps = 0;
  std::atomic<int> failed = 0;
  for (int round = 0; round < (quick ? 2 : 15); ++round) {
    fixture.keyring().evict(*compartment.external_key_id);
    fixture.vaults().forget();
    auto begun = clock.steady();
    at_once(fixture, 1'000, [&](std::size_t) -> Task<void> {
      auto lease = co_await fixture.keyring().for_decryption(compartment, id, begun + 10s);
      failed += lease ? 0 : 1;
    });
    slowest.push_back(since(begun));
    most_unwraps = std::max<std::uint64_t>(most_unwraps, fixture.vaults().unwraps);
  }
  return {
      {"latency_ms", kLatency}, {"slowest_ms", summary(slowest)}, {"unwraps", most_unwraps}, {"failed", failed.load()}};
}

// 1 000 workspaces of 100 records each are all requested at once after a restart, over one vault that throttles.
boost::json::object cold_start() {
  constexpr unsigned kLimit = 1'000;
  const std::size_t workspaces = quick ? 50 : 1'000;
  SystemClock clock;
  KeyringFixture fixture({.ages = {}, .threads = 2, .clock = &clock});
  std::vector<std::pair<keyring::Compartment, RawId>> all;
  for (std::size_t i = 0; i < workspaces; ++i) {
    auto compartment = fixture.add("cold");
    auto id = fixture.make_data_key(compartment);
    all.emplace_back(std::move(compartment), id);
  }
  fixture.restart_keyring();
  fixture.vaults().forget();
  fixture.vaults().latency_ms = 50;
  fixture.vaults().limit = kLimit;
  std::atomic<int> failed = 0;
  auto begun = clock.steady();
  at_once(fixture, workspaces * 100, [&](std::size_t i) -> Task<void> {
    const auto& [compartment, id] = all[i % all.size()];
    auto lease = co_await fixture.keyring().for_decryption(compartment, id, begun + 30s);
    failed += lease ? 0 : 1;
  });
  return {{"requests", workspaces * 100},
          {"limit", kLimit},
          {"most_in_10s", fixture.vaults().most_in_window()},
          {"throttled", fixture.vaults().throttled.load()},
          {"failed", failed.load()},
          {"took_ms", since(begun)}};
}

struct LastGood {
  std::atomic<std::int64_t> at{0};
  void mark() { at = std::chrono::steady_clock::now().time_since_epoch().count(); }
  [[nodiscard]] double after(SteadyTime revoked) const {
    return Milliseconds(SteadyTime(SteadyTime::duration(at.load())) - revoked).count();
  }
};

// The time from a revocation to the last plaintext that anybody got: every entry point keeps trying, a stream among
// them.
boost::json::object revocation() {
  constexpr int kLatency = 50;
  SystemClock clock;
  keyring::LeaseAges ages{quick ? 1s : 5s, 15min};
  KeyringFixture fixture({.ages = ages, .threads = 2, .clock = &clock});
  crypto::SystemRandom random;
  auto compartment = fixture.add("revoked");
  auto id = fixture.make_data_key(compartment);
  fixture.vaults().latency_ms = kLatency;
  fixture.run_in_background();
  std::map<std::string, std::vector<double>> after;
  for (int round = 0; round < (quick ? 1 : 9); ++round) {
    std::map<std::string, LastGood> doors;
    for (const auto* door : {"encrypt", "decrypt", "batch", "stream"}) doors[door].mark();
    std::atomic<bool> ending = false;
    std::latch ended(4);
    auto loop = [&](std::string door) -> Task<void> {
      auto& last = doors[door];
      boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
      std::optional<keyring::Lease> held;
      while (!ending) {
        bool held_on = door == "stream" && held && clock.age_time() < held->ask_again_at;
        if (!held_on) {
          auto deadline = clock.steady() + 10s;
          auto asked = door == "decrypt" || door == "stream"
                           ? fixture.keyring().for_decryption(compartment, id, deadline)
                           : fixture.keyring().for_encryption(compartment, deadline);
          auto lease = co_await std::move(asked);
          held.reset();
          if (lease) held.emplace(std::move(lease).value());
        }
        int records = held ? (door == "batch" ? 64 : 1) : 0;
        Bytes sealed(envelope::sealed_size(64));
        for (int i = 0; i < records; ++i) {
          Bytes plain(64);
          require(envelope::seal_record(*held->key, compartment.id, {}, ByteView(plain), random, sealed).has_value() &&
                      envelope::open_record(*held->key, compartment.id, {}, sealed, plain).has_value(),
                  "a record does not open");
        }
        if (held) last.mark();
        timer.expires_after(2ms);
        co_await timer.async_wait(boost::asio::use_awaitable);
      }
      ended.count_down();
    };
    for (const auto& [door, last] : doors) boost::asio::co_spawn(fixture.context(), loop(door), boost::asio::detached);
    // Each round starts at another point of the renewals' period.
    std::this_thread::sleep_for(ages.soft + ages.soft * round / 9);
    auto revoked = clock.steady();
    fixture.vaults().refuses = true;
    std::this_thread::sleep_for(ages.soft + 1s);
    for (const auto& [door, last] : doors) after[door].push_back(std::max(0.0, last.after(revoked)));
    ending = true;
    ended.wait();
    fixture.vaults().refuses = false;
    fixture.keyring().evict(*compartment.external_key_id);
  }
  boost::json::object doors;
  for (const auto& [door, values] : after) doors[door] = summary(values);
  return {{"soft_ms", ages.soft.count()}, {"latency_ms", kLatency}, {"after_ms", doors}};
}

// A vault is down for ten minutes, by a clock that the measurement moves.
boost::json::object outage() {
  ManualClock clock{parse_timestamp("2026-01-02T03:04:05Z").value()};
  KeyringFixture fixture({.ages = {5s, 15min}, .threads = 0, .clock = &clock});
  std::vector<std::pair<keyring::Compartment, RawId>> all;
  for (int i = 0; i < 20; ++i) {
    auto compartment = fixture.add("down" + std::to_string(i % 4));
    auto id = fixture.make_data_key(compartment);
    all.emplace_back(std::move(compartment), id);
  }
  fixture.vaults().forget();
  fixture.vaults().down = true;
  constexpr int kRate = 200;
  int failed = 0;
  int requests = 0;
  for (int second = 0; second < (quick ? 30 : 600); ++second) {
    while (fixture.keyring().run_once() < 10ms) continue;
    for (int i = 0; i < kRate; ++i, ++requests) {
      clock.advance(std::chrono::microseconds(1'000'000 / kRate));
      const auto& [compartment, id] = all[static_cast<std::size_t>(requests) % all.size()];
      bool good =
          i % 2 == 0 ? fixture.run(fixture.keyring().for_encryption(compartment, clock.steady() + 10s)).has_value()
                     : fixture.run(fixture.keyring().for_decryption(compartment, id, clock.steady() + 10s)).has_value();
      failed += good ? 0 : 1;
    }
  }
  return {{"requests", requests},
          {"failed", failed},
          {"calls_per_key_and_minute", static_cast<double>(fixture.vaults().unwraps) / 4 / (requests / kRate / 60.0)}};
}

// Measures the latencies of one tenant's warm decrypts, at a steady rate.
std::vector<double> paced(KeyringFixture& fixture, const keyring::Compartment& compartment, const RawId& id,
                          std::chrono::milliseconds time, std::chrono::microseconds pace) {
  std::vector<double> took;
  auto end = std::chrono::steady_clock::now() + time;
  auto loop = [&]() -> Task<int> {
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
    while (std::chrono::steady_clock::now() < end) {
      auto begun = std::chrono::steady_clock::now();
      // Does what the data plane does.
      bool done = fixture.keyring().at_hand(compartment, id).has_value();
      if (!done) {
        auto lease = co_await fixture.keyring().for_decryption(compartment, id, begun + 10s);
        done = lease.has_value();
      }
      took.push_back(since(begun));
      require(done, "a warm decrypt failed");
      timer.expires_at(begun + pace);
      co_await timer.async_wait(boost::asio::use_awaitable);
    }
    co_return 0;
  };
  (void)fixture.run(loop());
  return took;
}

// 200 requests a second at random intervals, as independent clients send them: a steady pace like that of the measured
// requests would make both wake at the same moments, or never.
class Arrivals {
 public:
  Arrivals(KeyringFixture& fixture, std::uint64_t seed, std::function<Task<void>(std::size_t)> request)
      : thread_([this, &fixture, seed, request = std::move(request)] {
          std::mt19937_64 chance(seed);
          std::exponential_distribution<double> seconds_between(200);
          for (std::size_t i = 0; !ending_; ++i) {
            boost::asio::co_spawn(fixture.context(), request(i), boost::asio::detached);
            std::this_thread::sleep_for(std::chrono::duration<double>(seconds_between(chance)));
          }
        }) {}
  Arrivals(const Arrivals&) = delete;
  Arrivals& operator=(const Arrivals&) = delete;
  ~Arrivals() {
    ending_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> ending_ = false;
  std::thread thread_;
};

// Tenant A's vault hangs, 30 s per call, at 200 cold requests a second; measures how long tenant B waits. For
// comparison it measures B alone, and B beside as many requests that do not use the keyring: the cost of waking threads
// alone.
boost::json::object neighbour() {
  SystemClock clock;
  KeyringFixture fixture({.ages = {5s, 15min}, .threads = 2, .clock = &clock});
  auto b = fixture.add("b");
  auto b_key = fixture.make_data_key(b);
  std::vector<std::pair<keyring::Compartment, RawId>> of_a;
  for (int i = 0; i < 200; ++i) {
    auto compartment = fixture.add("a");
    auto id = fixture.make_data_key(compartment);
    of_a.emplace_back(std::move(compartment), id);
  }
  fixture.keyring().evict(*of_a[0].first.external_key_id);
  fixture.vaults().latency_ms = 50;
  fixture.run_in_background();
  auto ask_for_a = [&](std::size_t i) -> Task<void> {
    const auto& [compartment, id] = of_a[i % of_a.size()];
    if (fixture.keyring().at_hand(compartment, id)) co_return;
    (void)co_await fixture.keyring().for_decryption(compartment, id, clock.steady() + 10s);
  };
  auto ask_nothing = [](std::size_t) -> Task<void> { co_return; };
  const auto time = quick ? 500ms : 2'500ms;
  auto p99 = [&] { return at(paced(fixture, b, b_key, time, 1ms), 0.99); };
  std::vector<double> alone;
  std::vector<double> beside_nothing;
  std::vector<double> beside;
  std::vector<double> ratios;
  for (std::uint64_t round = 0; round < (quick ? 1 : 15); ++round) {
    alone.push_back(p99());
    {
      Arrivals nothing(fixture, round, ask_nothing);
      beside_nothing.push_back(p99());
    }
    fixture.vaults().let_hang("a");
    {
      Arrivals hanging(fixture, round, ask_for_a);
      beside.push_back(p99());
    }
    fixture.vaults().let_none_hang();
    fixture.keyring().evict(*of_a[0].first.external_key_id);
    ratios.push_back(beside.back() / beside_nothing.back());
  }
  return {{"p99_alone_ms", summary(alone)},
          {"p99_beside_nothing_ms", summary(beside_nothing)},
          {"p99_beside_ms", summary(beside)},
          {"ratio", summary(ratios)}};
}

// An hour of 100 keys with 50 data keys each, all in use, by a clock that the measurement moves.
boost::json::object steady() {
  const int keys = quick ? 5 : 100;
  const int hour = quick ? 300 : 3'600;
  ManualClock clock{parse_timestamp("2026-01-02T03:04:05Z").value()};
  KeyringFixture fixture({.ages = {}, .threads = 0, .clock = &clock});
  std::vector<std::vector<std::pair<keyring::Compartment, RawId>>> all(static_cast<std::size_t>(keys));
  for (std::size_t key = 0; key < all.size(); ++key) {
    for (int i = 0; i < (quick ? 5 : 50); ++i) {
      auto compartment = fixture.add("k" + std::to_string(key));
      auto id = fixture.make_data_key(compartment);
      all[key].emplace_back(std::move(compartment), id);
    }
  }
  fixture.vaults().forget();
  int failed = 0;
  for (int second = 0; second < hour; ++second) {
    clock.advance(1s);
    while (fixture.keyring().run_once() < 10ms) continue;
    for (const auto& key : all) {
      const auto& [compartment, id] = key[static_cast<std::size_t>(second) % key.size()];
      failed +=
          fixture.run(fixture.keyring().for_decryption(compartment, id, clock.steady() + 10s)).has_value() ? 0 : 1;
    }
  }
  double softs = hour / 60.0;
  return {{"keys", keys},
          {"calls_per_key_and_soft", static_cast<double>(fixture.vaults().unwraps) / keys / softs},
          {"failed", failed}};
}

// Measures warm encrypts while the leases of 1 000 keys are renewed, and while none is.
boost::json::object refreshing() {
  const int keys = quick ? 50 : 1'000;
  SystemClock clock;
  KeyringFixture fixture({.ages = {5s, 15min}, .threads = 2, .clock = &clock});
  auto own = fixture.add("own");
  own.ages = keyring::LeaseAges{10min, 15min};
  auto own_key = fixture.make_data_key(own);
  std::vector<std::pair<keyring::Compartment, RawId>> others;
  for (int i = 0; i < keys; ++i) {
    auto compartment = fixture.add("r" + std::to_string(i));
    auto id = fixture.make_data_key(compartment);
    others.emplace_back(std::move(compartment), id);
  }
  fixture.vaults().latency_ms = 50;
  std::vector<double> without;
  std::vector<double> with;
  const auto time = quick ? 300ms : 5'000ms;
  std::uint64_t renewals = 0;
  for (int round = 0; round < (quick ? 1 : 5); ++round) {
    without.push_back(at(paced(fixture, own, own_key, time, 200us), 0.999));
    // All of them in use, with the background task: each is renewed once in these five seconds.
    at_once(fixture, others.size(), [&](std::size_t i) -> Task<void> {
      const auto& [compartment, id] = others[i];
      (void)co_await fixture.keyring().for_decryption(compartment, id, clock.steady() + 10s);
    });
    fixture.vaults().forget();
    std::atomic<bool> ending = false;
    std::thread background([&] {
      while (!ending) std::this_thread::sleep_for(fixture.keyring().run_once());
    });
    with.push_back(at(paced(fixture, own, own_key, time, 200us), 0.999));
    ending = true;
    background.join();
    renewals = std::max<std::uint64_t>(renewals, fixture.vaults().unwraps);
  }
  std::vector<double> ratios;
  for (std::size_t i = 0; i < with.size(); ++i) ratios.push_back(with[i] / without[i]);
  return {{"renewals", renewals},
          {"p999_without_ms", summary(without)},
          {"p999_with_ms", summary(with)},
          {"ratio", summary(ratios)}};
}

}  // namespace
}  // namespace latchkey::bench

int main(int count, char** arguments) {
  using namespace latchkey::bench;
  std::vector<std::string> wanted(arguments + 1, arguments + count);
  quick = std::erase(wanted, "--quick") > 0;
  const std::vector<std::pair<const char*, boost::json::object (*)()>> measurements{
      {"herd", herd},           {"cold_start", cold_start}, {"revocation", revocation}, {"outage", outage},
      {"neighbour", neighbour}, {"steady", steady},         {"refreshing", refreshing}};
  boost::json::object all;
  for (const auto& [name, measure] : measurements) {
    // Without names, runs all measurements.
    if (!wanted.empty() && std::ranges::find(wanted, name) == wanted.end()) continue;
    std::fprintf(stderr, "%s ...\n", name);
    all[name] = measure();
  }
  std::puts(boost::json::serialize(all).c_str());
}
