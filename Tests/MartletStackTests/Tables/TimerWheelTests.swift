import MartletStack
import MartletTCP
import Testing

extension TimerWheel {
  fileprivate mutating func arm(_ id: UInt32, at tick: UInt64) { arm(id, at: tick, lot: id) }
}

@Suite struct TimerWheelTests {
  private func wheel(_ ids: UInt32, now: UInt64 = 0) -> TimerWheel {
    var budget = MemoryBudget()
    var wheel = TimerWheel(now: now)
    #expect(wheel.reserve(upTo: ids - 1, &budget) == true)
    #expect(budget.held == wheel.heldBytes)
    return wheel
  }

  private func popAll(_ wheel: inout TimerWheel, _ now: UInt64) -> [UInt32] {
    var popped: [UInt32] = []
    while let id = wheel.popDue(now: now) { popped.append(id) }
    return popped
  }

  @Test("An idle wheel wants nothing")
  func anIdleWheelWantsNothing() {
    var wheel = wheel(10)
    #expect(wheel.nextTick == nil && wheel.popDue(now: 1 << 50) == nil && wheel.armed == 0)
    #expect(!wheel.isArmed(3) && !wheel.isArmed(1000))
    wheel.cancel(3)
    wheel.cancel(1000)
  }

  @Test("A reservation is charged and can be refused")
  func aReservationIsChargedAndCanBeRefused() {
    var budget = MemoryBudget(limit: 2000)
    var wheel = TimerWheel()
    #expect(wheel.reserve(upTo: 127, &budget) == true)
    #expect(wheel.reserve(upTo: 100_000, &budget) == false)
    #expect(budget.held == wheel.heldBytes && budget.held < 2000 && budget.refusals == 1)
    #expect(wheel.heldBytes <= 128 * 12 + 64)
  }

  @Test(
    "a timer is popped at its tick, not before, at any distance",
    arguments: [
      1, 63, 64, 65, 4095, 4096, 4097, 262_143, 262_144, 1 << 24, (1 << 24) + 1, 1 << 30, (1 << 31) - 1,
    ] as [UInt64])
  func exact(distance: UInt64) throws {
    for start: UInt64 in [0, 1, 63, 64, 4095, (1 << 24) - 1, (1 << 32) - 2, (1 << 40) + 12_345] {
      var wheel = wheel(1, now: start)
      wheel.arm(0, at: start + distance)
      #expect(wheel.isArmed(0) && wheel.armed == 1)
      // Follow the wheel's own advice until the timer comes.
      var looks = 0
      var now = start
      var popped: UInt32? = nil
      while popped == nil, looks < 200 {
        let next = wheel.nextTick
        now = try #require(next)
        #expect(now <= start + distance)
        popped = wheel.popDue(now: now)
        looks += 1
      }
      #expect(now == start + distance && popped == 0)
      #expect(looks <= 5 + Int(distance >> 24))
      #expect(wheel.nextTick == nil && !wheel.isArmed(0))
    }
  }

  @Test("T4 a jump of years pops every timer once, soon")
  func yearsAhead() {
    var wheel = wheel(1000, now: 5)
    for id: UInt32 in 0..<1000 { wheel.arm(id, at: 5 + UInt64(id) * UInt64(id) * 5000) }
    let century: UInt64 = 100 * 365 * 86_400_000
    let popped = popAll(&wheel, century)
    #expect(popped.count == 1000 && Set(popped).count == 1000)
    #expect(wheel.nextTick == nil)
    wheel.arm(3, at: century + 10)
    #expect(wheel.popDue(now: century + 9) == nil)
    #expect(wheel.popDue(now: century + 10) == 3)
  }

  @Test(
    "The order of a tick's timers does not tell that there are other timers",
    arguments: 0..<40 as Range<UInt64>)
  func orderKept(seed: UInt64) {
    var random = StorageRandom(seed: seed)
    let start = random.next() >> 24
    var alone = wheel(20, now: start)
    var beside = wheel(40, now: start)
    var now = start
    var ticks: [UInt32: UInt64] = [:]
    for _ in 0..<300 {
      // Few ticks, far and near, so that many timers share one.
      let tick = (now | 0x3F) &+ [1, 64, 4096, 300_000][Int(random.next() % 4)] & ~0x3F
      let id = UInt32(random.next() % 20)
      alone.arm(id, at: tick, lot: id)
      ticks[id] = tick
      // Its id is another, where others have ids.
      beside.arm(39 - id, at: tick, lot: id)
      // What turns the wheel meanwhile is no business of theirs.
      beside.arm(UInt32(random.next() % 20), at: now &+ 1 &+ random.next() % 5000)
      guard random.next() % 3 == 0 else { continue }
      now &+= random.next() % 3 == 0 ? random.next() % 400_000 : random.next() % 50
      // The others turn their wheel also where none of these is due, whose wheel stands still then.
      let isDue = ticks.values.contains { $0 <= now }
      let expected = isDue ? popAll(&alone, now) : []
      for id in expected { ticks[id] = nil }
      #expect(popAll(&beside, now).filter { $0 >= 20 }.map { 39 - $0 } == expected)
    }
  }

  @Test("Of timers that share their ticks for long none is always the first")
  func fairOrder() {
    var wheel = wheel(8)
    var first = [Int](repeating: 0, count: 8)
    var last = first
    for id: UInt32 in 0..<8 { wheel.arm(id, at: 1) }
    for tick: UInt64 in 1...1600 {
      let popped = popAll(&wheel, tick)
      #expect(popped.count == 8)
      first[Int(popped[0])] += 1
      last[Int(popped[7])] += 1
      // Armed in the order in which they fired, as what is paced is.
      for id in popped { wheel.arm(id, at: tick + 1) }
    }
    #expect(first.allSatisfy { (130...270).contains($0) }, "\(first)")
    #expect(last.allSatisfy { (130...270).contains($0) }, "\(last)")
  }

  @Test("A deadline beyond 2^31 ticks is popped early, never late")
  func aDeadlineBeyondManyTicksIsPoppedEarlyNeverLate() {
    var wheel = wheel(1, now: 1000)
    wheel.arm(0, at: .max)
    let next = wheel.nextTick ?? .max
    #expect(next <= 1000 + (1 << 31))
    #expect(wheel.popDue(now: 1000 + (1 << 31)) == 0)
  }

  @Test("The past is due at once, and arming again moves")
  func thePastIsDueAtOnceAndArmingAgainMoves() {
    var wheel = wheel(3, now: 100)
    wheel.arm(0, at: 7)
    #expect(wheel.nextTick == 100)
    wheel.arm(0, at: 200)
    wheel.arm(1, at: 150)
    wheel.arm(2, at: 150)
    #expect(wheel.armed == 3)
    wheel.cancel(2)
    #expect(popAll(&wheel, 100).isEmpty)
    #expect(popAll(&wheel, 199) == [1])
    #expect(popAll(&wheel, 200) == [0])
    #expect(wheel.armed == 0)
  }

  @Test("random use agrees with a list, clock jumps included", arguments: 1...24 as ClosedRange<UInt64>)
  func model(seed: UInt64) {
    var random = StorageRandom(seed: seed)
    var now: UInt64 = [0, (1 << 24) - 500, (1 << 32) - 500, 1 << 45][random.below(4)]
    let ids = 1 + random.below(300)
    var wheel = wheel(UInt32(ids), now: now)
    var model: [UInt32: UInt64] = [:]
    for step in 0..<3000 {
      let comment: Comment = "seed \(seed) step \(step)"
      let id = UInt32(random.below(ids))
      switch random.below(10) {
      case 0...4:
        let tick = now + random.next() >> UInt64(33 + random.below(31))
        wheel.arm(id, at: tick)
        model[id] = tick
      case 5:
        wheel.cancel(id)
        model[id] = nil
      case 6 where random.oneIn(20):
        wheel = wheel.copy()
      default:
        let far = [16, 200, 5000, 300_000, 20_000_000, 1 << 36][random.below(random.oneIn(10) ? 6 : 4)]
        now += UInt64(random.below(far))
        if random.oneIn(3), let next = wheel.nextTick { now = max(now, next) }
        let popped = popAll(&wheel, now)
        #expect(popped.sorted() == model.filter { $0.value <= now }.keys.sorted(), comment)
        model = model.filter { $0.value > now }
      }
      #expect(wheel.armed == model.count && wheel.isArmed(id) == (model[id] != nil), comment)
      if let earliest = model.values.min() {
        #expect(wheel.nextTick.map { $0 <= max(earliest, now) } == true, comment)
      } else {
        #expect(wheel.nextTick == nil, comment)
      }
    }
  }

  @Test("Timers of different ticks are popped in their order")
  func timersOfDifferentTicksArePoppedInTheirOrder() {
    var wheel = wheel(500)
    var random = StorageRandom(seed: 77)
    var model: [UInt32: UInt64] = [:]
    for id: UInt32 in 0..<500 {
      let tick = 1 + random.next() >> UInt64(40 + random.below(24))
      wheel.arm(id, at: tick)
      model[id] = tick
    }
    let order = popAll(&wheel, 1 << 24).compactMap { model[$0] }
    #expect(order.count == 500 && order == order.sorted())
  }
}
