import MartletCommand
import MartletTCP
import MartletWire
import Testing

@Suite("A damaging link, in virtual time") struct DamagedPathTests {
  @Test("A delay without a rate is the same for every packet")
  func delay() {
    var drive = PathDrive { $0.delay = .milliseconds(20) }
    for n in 0..<5 { drive.send(n, at: .milliseconds(Int64(n))) }
    #expect(drive.arrivals() == (0..<5).map { Arrival($0, .milliseconds(20 + Int64($0))) })
  }

  @Test("Packets leave at the rate: 1,000 octets at 8 Mbit/s take a millisecond each")
  func rate() {
    var drive = PathDrive { $0.rate = BitRate(octetsPerSecond: 1_000_000) }
    for n in 0..<4 { drive.send(n) }
    #expect(drive.arrivals() == (0..<4).map { Arrival($0, .milliseconds(Int64($0) + 1)) })
  }

  @Test(
    "A queue drops at its tail, counted in octets or in packets, the one that leaves included",
    arguments: [QueueLimit.octets(3_000), .octets(3_999), .packets(3)])
  func tailDrop(_ limit: QueueLimit) {
    var drive = PathDrive {
      $0.rate = BitRate(octetsPerSecond: 1_000_000)
      $0.queue = limit
    }
    for n in 0..<10 { drive.send(n) }
    // One has left after a millisecond: there is room for one more.
    drive.send(10, at: .milliseconds(1))
    drive.send(11, at: .milliseconds(1))
    #expect(drive.arrivals().map(\.number) == [0, 1, 2, 10])
    #expect(drive.path.counters.overflowed == 8)
    #expect(drive.path.counters.queueHighWater == QueueLevel(packets: 3, octets: 3_000))
  }

  @Test("Losses are as frequent as was said, and the same for the same seed", arguments: [1, 2, 3])
  func loss(_ seed: UInt64) {
    func survivors(_ seed: UInt64) -> [Int] {
      var drive = PathDrive(seed: seed) { $0.loss = Chance(perMillion: 100_000) }
      for n in 0..<10_000 { drive.send(n) }
      return drive.arrivals().map(\.number)
    }
    let first = survivors(seed)
    // 9,000 with a standard deviation of 30.
    #expect((8_850...9_150).contains(first.count))
    #expect(first == survivors(seed))
    #expect(first != survivors(seed + 100))
  }

  @Test("What becomes of a packet is told, and as often as it is counted")
  func fates() {
    var drive = PathDrive(seed: 3, ecn: .ect0) {
      $0.rate = BitRate(octetsPerSecond: 1_000_000)
      $0.queue = .packets(20)
      $0.marking = .packets(15)
      $0.loss = Chance(perMillion: 50_000)
      $0.burstLoss = BurstLoss(begin: Chance(perMillion: 20_000), end: Chance(perMillion: 250_000))
      $0.corruption = Chance(perMillion: 50_000)
      $0.duplication = Chance(perMillion: 50_000)
      $0.reordering = Chance(perMillion: 50_000)
      $0.reorderingDelay = .milliseconds(5)
    }
    var fates: [PathFate] = []
    for n in 0..<5_000 {
      fates.append(drive.send(n, at: .microseconds(Int64(n) * 900)))
      // What has arrived makes room.
      if n % 100 == 99 { _ = drive.arrivals() }
    }
    let counters = drive.path.counters
    func count(_ holds: (PathFate) -> Bool) -> UInt64 { UInt64(fates.count(where: holds)) }
    #expect(count { $0.loss == .overflow } == counters.overflowed && counters.overflowed > 0)
    #expect(count { $0.loss == .chance } == counters.lost && counters.lost > 0)
    #expect(count { $0.loss == .burst } == counters.lostInBursts && counters.lostInBursts > 0)
    #expect(count { $0.corruptedBit != nil } == counters.corrupted && counters.corrupted > 0)
    #expect(count(\.isDoubled) == counters.doubled && counters.doubled > 0)
    #expect(count(\.isMarked) == counters.marked && counters.marked > 0)
    // Copies may be held back, too.
    #expect((1...counters.heldBack).contains(count { $0.heldBack != nil }))
    #expect(count { $0.text.isEmpty } > 50)
    var all = PathFate()
    (all.isMarked, all.corruptedBit, all.isDoubled, all.heldBack) = (true, 83, true, .milliseconds(2))
    #expect(all.text == "congestion marked, corrupted: bit 3 of octet 10, doubled, held back for 2000 µs")
  }

  @Test("Bursts are as long and as frequent as was said")
  func bursts() {
    var drive = PathDrive(seed: 5) {
      $0.burstLoss = BurstLoss(begin: Chance(perMillion: 10_000), end: Chance(perMillion: 250_000))
    }
    for n in 0..<100_000 { drive.send(n) }
    let arrived = Set(drive.arrivals().map(\.number))
    let bursts = (1..<100_000).filter { !arrived.contains($0) && arrived.contains($0 - 1) }.count
    let lost = 100_000 - arrived.count
    #expect(UInt64(lost) == drive.path.counters.lostInBursts)
    // Good for 100 packets on average, bad for 4: 962 bursts of 4.
    #expect((860...1_060).contains(bursts))
    #expect((3.7...4.3).contains(Double(lost) / Double(bursts)))
  }

  @Test("Packets that are held back are overtaken; the others stay in order")
  func reordering() {
    var drive = PathDrive(seed: 6) {
      $0.delay = .milliseconds(10)
      $0.jitter = .milliseconds(5)
      $0.reordering = Chance(perMillion: 30_000)
      $0.reorderingDelay = .milliseconds(8)
    }
    for n in 0..<10_000 { drive.send(n, at: .microseconds(100 * Int64(n))) }
    let arrivals = drive.arrivals()
    #expect(arrivals.count == 10_000)
    #expect((240...360).contains(Int(drive.path.counters.heldBack)))
    var latest = -1
    var overtaken = 0
    for arrival in arrivals {
      if arrival.number < latest { overtaken += 1 }
      latest = max(latest, arrival.number)
      let time = arrival.time.nanoseconds - Int64(arrival.number) * 100_000
      #expect((10_000_000...23_000_000).contains(time))
    }
    #expect(overtaken > 100 && overtaken <= Int(drive.path.counters.heldBack))
  }

  @Test("A duplicate arrives as a second packet, equal to the first")
  func duplication() {
    var drive = PathDrive { $0.duplication = Chance(perMillion: 1_000_000) }
    drive.send(7)
    #expect(drive.arrivals().map(\.number) == [7, 7])
    #expect(drive.path.counters.doubled == 1)
  }

  @Test("A corrupted packet differs in one bit")
  func corruption() {
    var drive = PathDrive { $0.corruption = Chance(perMillion: 1_000_000) }
    let packet = PathDrive.packet(1)
    drive.send(1)
    _ = drive.arrivals()
    let differing = zip(drive.lastPacket, packet).map { ($0 ^ $1).nonzeroBitCount }.reduce(0, +)
    #expect(differing == 1)
    #expect(drive.path.counters.corrupted == 1)
  }

  @Test(
    "RFC 3168 §5 What waits beyond the threshold is marked CE if it is ECT, and its checksum stays right",
    arguments: [ECN.notECT, .ect0, .ect1, .ce])
  func marking(_ ecn: ECN) {
    var drive = PathDrive(ecn: ecn) {
      $0.rate = BitRate(octetsPerSecond: 1_000_000)
      $0.marking = .packets(2)
    }
    for n in 0..<3 { drive.send(n) }
    var seen: [ECN] = []
    _ = drive.arrivals { packet in
      let ip = IPv4HeaderView(validating: packet)
      #expect(ip?.isChecksumValid == true)
      if let ip { seen.append(ip.ecn) }
    }
    #expect(seen == [ecn, ecn, ecn == .notECT ? .notECT : .ce])
    #expect(drive.path.counters.marked == (ecn == .notECT || ecn == .ce ? 0 : 1))
  }

  @Test("A path without conditions gives back every packet at once, in order, whatever its size")
  func plain() {
    var drive = PathDrive { _ in }
    for n in 0..<200 { drive.send(n, count: 20 + n * 7) }
    #expect(drive.arrivals() == (0..<200).map { Arrival($0, .zero) })
    #expect(drive.path.counters.deliveredOctets == drive.path.counters.octets)
    #expect(drive.path.nextArrival == nil)
  }
}

struct Arrival: Equatable {
  let number: Int
  let time: TimeAmount

  init(_ number: Int, _ time: TimeAmount) { (self.number, self.time) = (number, time) }
}

/// Sends numbered packets along a path, and says when they arrive.
struct PathDrive: ~Copyable {
  var path: DamagedPath
  private(set) var lastPacket: [UInt8] = []
  private let ecn: ECN
  private static let start = Instant(nanoseconds: 1_000_000_000)

  init(seed: UInt64 = 1, ecn: ECN = .notECT, _ configure: (inout PathConditions) -> Void) {
    var conditions = PathConditions()
    configure(&conditions)
    path = DamagedPath(conditions, seed: seed, largestPacket: 1_500)
    self.ecn = ecn
  }

  /// An IPv4 packet that carries its number.
  static func packet(_ number: Int, count: Int = 1_000, ecn: ECN = .notECT) -> [UInt8] {
    var packet = [UInt8](repeating: 0, count: count)
    let header = IPv4Header(
      ecn: ecn, totalCount: UInt16(count), identification: UInt16(truncatingIfNeeded: number),
      dontFragment: number & 1 << 16 != 0, timeToLive: 64, proto: .udp, source: IPv4Address(10, 0, 0, 1),
      destination: IPv4Address(10, 0, 0, 2))
    var elements = packet.mutableSpan
    var room = elements.mutableBytes
    header.write(into: &room, at: 0)
    return packet
  }

  @discardableResult
  mutating func send(_ number: Int, at time: TimeAmount = .zero, count: Int = 1_000) -> PathFate {
    let packet = Self.packet(number, count: count, ecn: ecn)
    return path.accept(packet.span.bytes, now: Self.start.advanced(by: time))
  }

  /// Everything that arrives, to the end.
  mutating func arrivals(_ look: (RawSpan) -> Void = { _ in }) -> [Arrival] {
    var arrivals: [Arrival] = []
    var room = [UInt8](repeating: 0, count: 1_500)
    while let time = path.nextArrival {
      var elements = room.mutableSpan
      var octets = elements.mutableBytes
      guard let count = path.next(into: &octets, now: time) else { break }
      lastPacket = Array(room[..<count])
      look(lastPacket.span.bytes)
      let number = Int(lastPacket[4]) << 8 | Int(lastPacket[5]) | Int(lastPacket[6] >> 6 & 1) << 16
      arrivals.append(Arrival(number, time.since(Self.start)))
    }
    return arrivals
  }
}
