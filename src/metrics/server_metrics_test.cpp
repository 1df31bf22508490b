#include "metrics/server_metrics.hpp"

#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "admin/testing/admin_fixture.hpp"
#include "kms/reasons.hpp"

namespace latchkey::metrics {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

struct ServerMetricsTest : ::testing::Test {
  admin::testing::AdminFixture fixture;
  ServerMetrics metrics{{}};

  std::string page(const ServerMetrics& of) { return fixture.run(of.render(fixture.store())); }
  std::string page() { return page(metrics); }
};

TEST_F(ServerMetricsTest, TellsTheVersionAndEveryStateOfKeysFromTheStart) {
  EXPECT_THAT(page(), HasSubstr("latchkey_build_info{version=\"" LATCHKEY_VERSION "\"} 1\n"));
  for (const auto* state : {"unknown", "healthy", "degraded", "refused", "unreachable", "suspended"}) {
    EXPECT_THAT(page(), HasSubstr(std::string("latchkey_external_keys{state=\"") + state + "\"} 0\n"));
  }
}

TEST_F(ServerMetricsTest, CountsKeysByTheirHealth) {
  auto workspace = fixture.make_workspace();
  auto attached = fixture.make_key("one").row;
  ASSERT_TRUE(fixture.attach(workspace.id, attached.id));
  auto unattached = fixture.make_key("two").row;
  EXPECT_THAT(page(), HasSubstr("{state=\"healthy\"} 1\n"));
  auto put = [&](store::Transaction& tx) -> Result<void> {
    for (const auto& key : {attached, unattached}) {
      store::ExternalKeyHealth health;
      health.external_key_id = key.id;
      health.organization = key.organization;
      health.state = store::KeyHealthState::Refused;
      LATCHKEY_TRYV(tx.put(health));
    }
    return success();
  };
  ASSERT_TRUE(fixture.run(fixture.store().write(put)));
  EXPECT_THAT(page(), HasSubstr("{state=\"healthy\"} 0\n"));
  EXPECT_THAT(page(), HasSubstr("{state=\"refused\"} 1\n")) << "what no workspace uses is not watched";
}

TEST_F(ServerMetricsTest, CountsCallsByWhatCameOfThem) {
  auto error = [](ErrorCode code, Reason reason = {}) { return Error{code, "", std::move(reason)}; };
  struct Case {
    Error error;
    std::string outcome;
  };
  metrics.called(kms::Operation::Unwrap, nullptr, 30ms);
  for (const auto& [problem, outcome] :
       {Case{error(ErrorCode::KeyDenied), "refused"}, Case{error(ErrorCode::NetworkBlocked), "refused"},
        Case{error(ErrorCode::KeyUnreachable, kms::reason::kTimedOut), "unreachable"},
        Case{error(ErrorCode::KeyUnreachable, kms::reason::kThrottled), "throttled"},
        Case{error(ErrorCode::Corrupt), "error"}}) {
    metrics.called(kms::Operation::Unwrap, &problem, 30ms);
  }
  auto now = page();
  EXPECT_THAT(now, HasSubstr(R"(latchkey_kms_calls_total{operation="unwrap",outcome="ok"} 1)"));
  EXPECT_THAT(now, HasSubstr(R"(latchkey_kms_calls_total{operation="unwrap",outcome="refused"} 2)"));
  EXPECT_THAT(now, HasSubstr(R"(latchkey_kms_calls_total{operation="unwrap",outcome="unreachable"} 1)"));
  EXPECT_THAT(now, HasSubstr(R"(latchkey_kms_calls_total{operation="unwrap",outcome="throttled"} 1)"));
  EXPECT_THAT(now, HasSubstr(R"(latchkey_kms_calls_total{operation="unwrap",outcome="error"} 1)"));
  EXPECT_THAT(now, HasSubstr(R"(latchkey_kms_calls_total{operation="wrap",outcome="ok"} 0)"));
  EXPECT_THAT(now, HasSubstr(R"(latchkey_kms_call_duration_seconds_count{operation="unwrap"} 6)"));
  EXPECT_THAT(now, HasSubstr(R"(latchkey_kms_call_duration_seconds_bucket{operation="unwrap",le="0.025"} 0)"));
  EXPECT_THAT(now, HasSubstr(R"(latchkey_kms_call_duration_seconds_bucket{operation="unwrap",le="0.05"} 6)"));
}

TEST_F(ServerMetricsTest, WhatManyThreadsCountAddsUp) {
  constexpr int kThreads = 20;
  constexpr int kTimes = 100;
  auto& route = metrics.route("POST", "/many");
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < kTimes; ++j) {
        route.responded(200, 1ms);
        metrics.data_key_requested(nullptr, false);
      }
    });
  }
  for (int i = 0; i < 10; ++i) (void)page();
  for (auto& thread : threads) thread.join();
  auto now = page();
  EXPECT_THAT(now, HasSubstr(R"(latchkey_http_requests_total{method="POST",route="/many",status="2xx"} 2000)"));
  EXPECT_THAT(now, HasSubstr(R"(duration_seconds_bucket{method="POST",route="/many",le="0.001"} 2000)"));
  EXPECT_THAT(now, HasSubstr(R"(duration_seconds_bucket{method="POST",route="/many",le="+Inf"} 2000)"));
  EXPECT_THAT(now, HasSubstr(R"(duration_seconds_sum{method="POST",route="/many"} 2)"));
  EXPECT_THAT(now, HasSubstr("latchkey_data_key_requests_total{outcome=\"served\"} 2000\n"));
}

TEST_F(ServerMetricsTest, CountsWhatCustomersKeysHadToSay) {
  metrics.data_key_requested(nullptr, false);
  metrics.data_key_requested(nullptr, true);
  for (auto code : {ErrorCode::KeyDenied, ErrorCode::NetworkBlocked, ErrorCode::KeyUnreachable, ErrorCode::NotFound}) {
    Error error{code, ""};
    metrics.data_key_requested(&error, false);
  }
  auto now = page();
  for (const auto* line : {"{outcome=\"served\"} 1\n", "{outcome=\"bridged\"} 1\n", "{outcome=\"refused\"} 2\n",
                           "{outcome=\"unreachable\"} 1\n", "{outcome=\"error\"} 1\n"}) {
    EXPECT_THAT(now, HasSubstr(std::string("latchkey_data_key_requests_total") + line));
  }
}

class UnreadableStore final : public store::Store {
 public:
  Task<Result<store::SealCounts>> check_seals() override { co_return Error{}; }
  Task<Result<store::SealProgress>> reseal(store::SealProgress, std::size_t) override { co_return Error{}; }
  Task<Result<void>> purge(std::optional<Uuid>) override { co_return success(); }
  store::Changes& changes() override { return changes_; }

 protected:
  Task<Result<void>> run(Access, std::function<Result<void>(store::Transaction&)>) override {
    co_return Error{ErrorCode::Unavailable, "the disk is gone"};
  }

 private:
  store::Changes changes_;
};

TEST_F(ServerMetricsTest, GoOnWhereTheStoreCannotBeRead) {
  EXPECT_THAT(page(), HasSubstr("latchkey_store_readable 1\n"));
  UnreadableStore unreadable;
  auto now = fixture.run(metrics.render(unreadable));
  EXPECT_THAT(now, HasSubstr("latchkey_store_readable 0\n"));
  EXPECT_THAT(now, Not(HasSubstr("latchkey_external_keys")));
  EXPECT_THAT(now, HasSubstr("latchkey_build_info"));
}

TEST_F(ServerMetricsTest, CountsAnswersByRouteAndClass) {
  auto& route = metrics.route("POST", "/v1/workspaces/{workspace_id}/encrypt");
  EXPECT_EQ(&route, &metrics.route("POST", "/v1/workspaces/{workspace_id}/encrypt"));
  for (unsigned status : {200U, 204U, 400U, 503U, 101U, 999U}) route.responded(status, 2ms);
  auto now = page();
  std::string labels = R"({method="POST",route="/v1/workspaces/{workspace_id}/encrypt",status=)";
  EXPECT_THAT(now, HasSubstr("latchkey_http_requests_total" + labels + "\"2xx\"} 3\n"));
  EXPECT_THAT(now, HasSubstr("latchkey_http_requests_total" + labels + "\"4xx\"} 1\n"));
  EXPECT_THAT(now, HasSubstr("latchkey_http_requests_total" + labels + "\"5xx\"} 2\n"));
}

TEST_F(ServerMetricsTest, AsksItsSourcesAtEachScrape) {
  std::size_t leases = 3;
  Sources sources{.leases = [&] { return leases; },
                  .unlocked_bytes = [] { return std::size_t{4096}; },
                  .limiter = [] { return kms::VaultLoad{.in_flight = 4, .waiting = 5}; },
                  .usage =
                      [] {
                        return std::vector<keyring::UsageTotal>{{"wrkspc_1", RawId{1}, {2, 3, 1}},
                                                                {"wrkspc_2", RawId{2}, {10, 20, 0}},
                                                                {"", std::nullopt, {100, 0, 0}}};
                      },
                  .refused_rows =
                      [] {
                        return std::map<std::string, std::int64_t>{{"api_keys", 9}};
                      },
                  .webhook_attempts =
                      [] {
                        return webhooks::AttemptCounts{7, 8};
                      }};
  metrics.set_sources(sources);
  EXPECT_THAT(page(), HasSubstr("latchkey_leases 3\n"));
  leases = 4;
  auto now = page();
  EXPECT_THAT(now, HasSubstr("latchkey_leases 4\n"));
  EXPECT_THAT(now, HasSubstr("latchkey_secret_memory_unlocked_bytes 4096\n"));
  EXPECT_THAT(now, HasSubstr("latchkey_kms_calls_in_flight 4\n"));
  EXPECT_THAT(now, HasSubstr("latchkey_kms_calls_waiting 5\n"));
  EXPECT_THAT(now, HasSubstr("latchkey_refused_rows_total{table=\"api_keys\"} 9\n"));
  EXPECT_THAT(now, HasSubstr("latchkey_webhook_attempts_total{outcome=\"delivered\"} 7\n"));
  EXPECT_THAT(now, HasSubstr("latchkey_webhook_attempts_total{outcome=\"failed\"} 8\n"));
  EXPECT_THAT(now, HasSubstr("latchkey_data_key_uses_total{use=\"encrypt\"} 112\n"));
  EXPECT_THAT(now, HasSubstr("latchkey_data_key_uses_total{use=\"decrypt\"} 23\n"));
  EXPECT_THAT(now, HasSubstr("latchkey_data_key_uses_total{use=\"lend\"} 1\n"));
  EXPECT_THAT(now, Not(HasSubstr("wrkspc_")));

  ServerMetrics detailed({.per_data_key = true});
  detailed.set_sources(sources);
  now = page(detailed);
  auto one = format_id(id_prefix::kDataKey, RawId{1});
  EXPECT_THAT(now, HasSubstr("latchkey_data_key_uses_total{workspace_id=\"wrkspc_1\",data_key_id=\"" + one +
                             "\",use=\"decrypt\"} 3\n"));
  EXPECT_THAT(now, HasSubstr("{workspace_id=\"other\",data_key_id=\"other\",use=\"encrypt\"} 100\n"));
}

}  // namespace
}  // namespace latchkey::metrics
