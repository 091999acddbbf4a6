#include "ngx_module/cache/table.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/ngx_module/cache/table_memory.h"

namespace nexus::edge::cache {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

Table::Put put(Table &table, uint64_t number, size_t bytes, uint64_t version = 1) {
    const Key key = key_of(number);
    return table.put(hash_of(key), key, {sealed_for(number, version, bytes)});
}

/// Its record, whole; empty if there is none.
std::string read(const Table &table, uint64_t number, bool use = false) {
    VectorSpace space;
    EntryView view;
    const Key key = key_of(number);
    if (!table.read(hash_of(key), key, &space, 0, view) || view.type != EntryType::kRecord) {
        return "";
    }
    EXPECT_TRUE(is_whole(number, {view.sealed.data(), view.sealed.size()}));
    if (use) {
        Table::mark_used(view);
    }
    return {view.sealed.data(), view.sealed.size()};
}

TEST(TableTest, RefusesToBeTooSmall) {
    EXPECT_FALSE(TableMemory(size_t{32} * 1024).is_good());
    EXPECT_TRUE(TableMemory(size_t{128} * 1024).is_good());
}

TEST(TableTest, ReturnsWhatWasPut) {
    const TableMemory memory(kMiB);
    Table table = memory.table();
    for (const size_t bytes : {16, 17, 1312, 32'768}) {
        ASSERT_TRUE(put(table, bytes, bytes).is_stored);
        EXPECT_EQ(read(table, bytes), sealed_for(bytes, 1, bytes));
    }
    EXPECT_EQ(table.record_count(), 4);
    EXPECT_EQ(table.record_bytes(), 16 + 17 + 1312 + 32'768);
    EXPECT_FALSE(put(table, 5, 32'769).is_stored);
    EXPECT_EQ(read(table, 99), "");
    EXPECT_EQ(problem_of(memory), "");
}

TEST(TableTest, AKeptRecordIsNotCopied) {
    const TableMemory memory(kMiB);
    Table table = memory.table();
    const Key key = key_of(1);
    VectorSpace space;
    EntryView view;
    put(table, 1, 500);
    ASSERT_TRUE(table.read(hash_of(key), key, &space, 0, view));
    const uint64_t serial = view.serial;
    ASSERT_TRUE(table.read(hash_of(key), key, &space, serial, view));
    EXPECT_TRUE(view.is_kept);
    EXPECT_TRUE(view.sealed.empty());
    put(table, 1, 500);  // the same bytes, but nobody has compared them
    ASSERT_TRUE(table.read(hash_of(key), key, &space, serial, view));
    EXPECT_FALSE(view.is_kept);
    EXPECT_EQ(view.sealed.size(), 500);
}

TEST(TableTest, ANewRecordOfTheSameSizeTakesNoOtherMemory) {
    const TableMemory memory(kMiB);
    Table table = memory.table();
    put(table, 1, 1000);
    const uint64_t free = table.free_bytes();
    for (uint64_t version = 2; version < 5000; ++version) {
        ASSERT_TRUE(put(table, 1, 1000 - version % 32, version).is_stored);
    }
    EXPECT_EQ(table.free_bytes(), free);
    put(table, 1, 30'000);
    put(table, 1, 1000);
    EXPECT_EQ(table.free_bytes(), free);
    EXPECT_EQ(table.record_count(), 1);
    EXPECT_EQ(table.record_bytes(), 1000);
}

TEST(TableTest, AFullTableLetsGoOfWhatNobodyReads) {
    const TableMemory memory(kMiB);
    Table table = memory.table();
    constexpr uint64_t kRead = 50;
    for (uint64_t number = 0; number < 3'000; ++number) {
        ASSERT_TRUE(put(table, number, 1300).is_stored);
        for (uint64_t i = 0; i < kRead && i < number; ++i) {
            read(table, i, true);
        }
    }
    for (uint64_t number = 0; number < kRead; ++number) {
        EXPECT_NE(read(table, number), "") << number;
    }
    EXPECT_NE(read(table, 2'999), "");
    EXPECT_EQ(read(table, 1'500), "");
    EXPECT_EQ(problem_of(memory), "");
}

TEST(TableTest, EntriesTakeLittleMoreThanTheirRecord) {
    constexpr size_t kBytes = 8 * kMiB;
    for (const size_t record : {400, 500, 1312, 2500}) {
        const TableMemory memory(kBytes);
        Table table = memory.table();
        uint64_t number = 0;
        while (put(table, number, record).evicted == 0) {
            ++number;
        }
        for (; number < 3 * table.record_count(); ++number) {
            put(table, number, record);
        }
        EXPECT_LE(kBytes / table.record_count() - record, 160) << record;
        RecordProperty("over_" + std::to_string(record),
                       std::to_string(kBytes / table.record_count() - record));
        EXPECT_EQ(problem_of(memory), "");
    }
}

// Records of all sizes, half of them in use: what lies between them is not lost.
TEST(TableTest, SizesMayDiffer) {
    constexpr size_t kBytes = 8 * kMiB;
    const TableMemory memory(kBytes);
    Table table = memory.table();
    std::mt19937_64 random(1);
    for (uint64_t number = 0; number < 100'000; ++number) {
        ASSERT_TRUE(put(table, number, 300 + random() % 3000).is_stored);
        read(table, number - random() % 4000, random() % 2 == 0);
    }
    EXPECT_GE(table.record_bytes(), kBytes * 3 / 4);
    RecordProperty("used", std::to_string(table.record_bytes() * 100 / kBytes));
    ASSERT_TRUE(put(table, 200'000, 32'768).is_stored);
    EXPECT_NE(read(table, 200'000), "");
    EXPECT_EQ(problem_of(memory), "");
}

TEST(TableTest, AllInUseStillMakesRoom) {
    const TableMemory memory(kMiB);
    Table table = memory.table();
    constexpr uint64_t kCount = 5000;
    for (uint64_t number = 0; number < kCount; ++number) {
        ASSERT_TRUE(put(table, number, 400).is_stored);
        for (uint64_t i = 0; number % 50 == 0 && i <= number; ++i) {
            read(table, i, true);
        }
    }
    EXPECT_NE(read(table, kCount - 1), "");
}

TEST(TableTest, MissesTakeNobodysPlace) {
    const TableMemory memory(kMiB);
    Table table = memory.table();
    uint64_t records = 0;
    while (put(table, records, 1300).evicted == 0) {
        ++records;
    }
    const uint64_t count = table.record_count();
    uint64_t stored = 0;
    for (uint64_t number = 1'000'000; number < 1'010'000; ++number) {
        const Key key = key_of(number);
        stored += table.put_not_found(hash_of(key), key, 5) ? 1 : 0;
        EntryView view;
        if (table.read(hash_of(key), key, nullptr, 0, view)) {
            EXPECT_EQ(view.type, EntryType::kNotFound);
            EXPECT_EQ(view.fetched_at, 5);
        }
    }
    EXPECT_GT(stored, 9'000);
    EXPECT_EQ(table.record_count(), count);
    EXPECT_EQ(problem_of(memory), "");
}

TEST(TableTest, ATombstoneIsReplacedInItsPlace) {
    const TableMemory memory(kMiB);
    Table table = memory.table();
    const Key key = key_of(1);
    put(table, 1, 1000);
    const uint64_t free = table.free_bytes();
    table.outdate(*table.find(hash_of(key), key), 8, 77);
    EntryView view;
    ASSERT_TRUE(table.read(hash_of(key), key, nullptr, 0, view));
    EXPECT_EQ(view.type, EntryType::kTombstone);
    EXPECT_EQ(view.needed_generation, 8);
    EXPECT_EQ(table.record_count(), 0);
    EXPECT_EQ(table.record_bytes(), 0);
    ASSERT_TRUE(put(table, 1, 1004).is_stored);
    EXPECT_EQ(read(table, 1).size(), 1004);
    EXPECT_EQ(table.free_bytes(), free);
    EXPECT_EQ(table.record_count(), 1);
}

TEST(TableTest, AMissAndARecordReplaceEachOther) {
    const TableMemory memory(kMiB);
    Table table = memory.table();
    const Key key = key_of(1);
    const uint64_t free = table.free_bytes();
    for (int round = 0; round < 3; ++round) {
        ASSERT_TRUE(put(table, 1, 1000).is_stored);
        EXPECT_EQ(table.record_count(), 1);
        ASSERT_TRUE(table.put_not_found(hash_of(key), key, 1));
        EXPECT_EQ(table.record_count(), 0);
        EXPECT_EQ(read(table, 1), "");
    }
    EXPECT_EQ(table.free_bytes(), free - sizeof(Entry));
}

TEST(TableTest, DamagedMemoryEmptiesIt) {
    const TableMemory memory(kMiB);
    Table table = memory.table();
    for (uint64_t number = 0; number < 100; ++number) {
        put(table, number, 1300);
    }
    table.records_arena().at(memory.state().records.hand.load()).units.store(0);
    EXPECT_FALSE(put(table, 200, 1300).is_stored);
    EXPECT_EQ(table.record_count(), 0);
    EXPECT_EQ(read(table, 1), "");
    EXPECT_TRUE(put(table, 200, 1300).is_stored);
    EXPECT_EQ(problem_of(memory), "");
}

}  // namespace
}  // namespace nexus::edge::cache
