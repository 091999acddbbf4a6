// What goes into one call of a take-over fits through the nginx in front of nexusd, whatever its items are.
#include "control_plane/takeover/import_batch.h"

#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <sstream>

namespace nexus::control::takeover {
namespace {

json::Value item_of(size_t token_bytes) {
    json::Value credentials = json::Value::object();
    credentials.set("access_token", std::string(token_bytes, 'x'));
    json::Value out = json::Value::object();
    out.set("credentials", std::move(credentials));
    return out;
}

/// Adds items of one size until there is no room.
void fill(ImportBatch &batch, size_t token_bytes) {
    const size_t bytes = ImportBatch::bytes_of(item_of(token_bytes));
    while (batch.has_room(bytes)) {
        batch.add(Entry{}, item_of(token_bytes), bytes);
    }
}

TEST(ImportBatch, IsNeverLargerThanACallWithAllAroundItsItems) {
    for (const size_t token_bytes : {0, 1, 3'900, 3'901, 3'902, 3'903, 3'904, 16'384, 131'072}) {
        ImportBatch batch;
        fill(batch, token_bytes);
        const size_t size = batch.body(false).dump().size();
        EXPECT_LE(size, kMaxCallBytes) << token_bytes;
        EXPECT_TRUE(batch.entries().size() == kMaxItems ||
                    size + ImportBatch::bytes_of(item_of(token_bytes)) > kMaxCallBytes - 8)
            << "no smaller than it must be";
        batch.clear();
        EXPECT_TRUE(batch.empty());
        fill(batch, token_bytes);
        EXPECT_EQ(batch.body(false).dump().size(), size) << "a second one is like the first";
    }
}

TEST(ImportBatch, AnItemThatFillsACallAloneIsTaken) {
    size_t token_bytes = kMaxCallBytes;
    while (ImportBatch::is_too_large(ImportBatch::bytes_of(item_of(token_bytes)))) {
        --token_bytes;
    }
    ImportBatch batch;
    ASSERT_TRUE(batch.has_room(ImportBatch::bytes_of(item_of(token_bytes))));
    fill(batch, token_bytes);
    EXPECT_EQ(batch.entries().size(), 1u);
    EXPECT_LE(batch.body(false).dump().size(), kMaxCallBytes);
    EXPECT_GT(batch.body(false).dump().size(), kMaxCallBytes - 8);
}

TEST(ImportBatch, FitsThroughTheNginxInFront) {
    std::ostringstream conf;
    conf << std::ifstream(NEXUS_SOURCE_DIR "/conf/control-plane.conf").rdbuf();
    const std::string text = conf.str();
    std::smatch limit;
    ASSERT_TRUE(std::regex_search(text, limit, std::regex("\n *client_max_body_size (\\d+)k;")));
    EXPECT_LE(kMaxCallBytes, std::stoul(limit[1]) * 1024);
}

}  // namespace
}  // namespace nexus::control::takeover
