import MartletTCP
import MartletWire
import Testing

@Suite struct SendRecordsTests {
  @Test(
    "RFC 8985 §6.2: where memory is refused times become coarse, and none stands still",
    arguments: [0, 5_000])
  func coarserTimes(limit: Int) {
    var records = SendRecords()
    var pool = ChunkPool(chunksPerArena: 1)
    var budget = MemoryBudget(limit: limit)
    var nxt = SequenceNumber(1)
    var now: UInt32 = 1_000
    var longest: UInt32 = 0
    var held = 0
    // A segment a millisecond, acknowledged after 300.
    for n in 0..<5_000 {
      let range = SequenceRange(start: nxt, count: 1_000)
      records.append(range, DeliveryRate(), flight: 0, now: now, span: 10, &pool, &budget)
      nxt = range.end
      if n >= 300, let last = records.removeAll(before: nxt.retreated(by: 300_000), &pool, &budget) {
        longest = max(longest, now &- last.sentAt)
      }
      held = max(held, records.count)
      now &+= 1_000
    }
    #expect(longest <= 301_000, "\(longest)")
    #expect(held <= (limit == 0 ? 2 : 128))
    records.removeAll(&pool, &budget)
    pool.trim(&budget)
    #expect(budget.refusals > 0)
  }

  @Test("E2 beyond its capacity the ring goes on, with half the records, in order")
  func beyondCapacity() {
    var records = SendRecords()
    var pool = ChunkPool(chunksPerArena: 1)
    var budget = MemoryBudget(limit: .max)
    var nxt = SequenceNumber(0xffff_0000)
    for n in 0..<UInt32(4 * SendRecords.capacity) {
      let range = SequenceRange(start: nxt, count: 1_000)
      records.append(range, DeliveryRate(), flight: 0, now: n &* 1_000, span: 10, &pool, &budget)
      nxt = range.end
    }
    #expect(records.count <= SendRecords.capacity && records.count >= SendRecords.capacity / 2)
    for i in 1..<records.count {
      let (one, next) = (records.record(i - 1, pool), records.record(i, pool))
      #expect(one.range.end == next.range.start && Int32(bitPattern: next.sentAt &- one.sentAt) > 0)
    }
    #expect(records.record(records.count - 1, pool).range.end == nxt)
  }

  @Test(
    "draft-ietf-ccwg-bbr §4.1.2.4: what leaves when the application has more again begins a record of its own"
  )
  func applicationLimit() {
    var records = SendRecords()
    var pool = ChunkPool(chunksPerArena: 1)
    var budget = MemoryBudget(limit: .max)
    var rate = DeliveryRate()
    var nxt = SequenceNumber(1)
    for (isLimited, count) in [(false, 1), (false, 1), (true, 2), (true, 2), (false, 3)] {
      if isLimited { rate.becomeApplicationLimited(flight: 1_000) } else { rate.isApplicationLimited = false }
      let range = SequenceRange(start: nxt, count: 1_000)
      records.append(range, rate, flight: 1_000, now: 0, span: 10, &pool, &budget)
      nxt = range.end
      #expect(records.count == count)
      #expect(records.record(count - 1, pool).isApplicationLimited == isLimited)
    }
    records.removeAll(&pool, &budget)
  }

  @Test(
    "draft-ietf-ccwg-bbr §4.1.2.4: samples are the application's until all is delivered that was in flight then"
  )
  func endOfApplicationLimit() {
    var rate = DeliveryRate()
    rate.restart(now: 0)
    rate.becomeApplicationLimited(flight: 3_000)
    let range = SequenceRange(start: SequenceNumber(1), count: 1_000)
    let limited = SendRecord(range, rate, flight: 3_000, now: 0)
    #expect(limited.isApplicationLimited)
    _ = rate.deliver(3_000, limited, now: 100_000)
    #expect(rate.sample(limited, now: 100_000).isApplicationLimited)
    #expect(SendRecord(range, rate, flight: 1_000, now: 100_000).isApplicationLimited)
    _ = rate.deliver(1, limited, now: 100_000)
    #expect(!SendRecord(range, rate, flight: 1_000, now: 100_000).isApplicationLimited)
  }
}
