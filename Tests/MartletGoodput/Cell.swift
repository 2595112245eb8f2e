import MartletTCP

/// One cell of the goodput table: a path, who controls congestion, and how many connections share it.
///
/// Its name is `ALGORITHM/RATE/RTT/LOSS/REORDERING/QUEUE/FLOWS`: in Mbit/s, milliseconds, per cent,
/// per cent and bandwidth-delay products, as `cubic/100/20/0.1/3/0.25/10`.
struct Cell: Sendable {
  static let rates: [UInt64] = [1, 10, 100, 1_000]
  static let roundTrips: [Int64] = [1, 20, 100, 300]
  /// Of 1,000,000, like the next.
  static let losses: [UInt32] = [0, 1_000, 10_000, 50_000]
  static let reorderings: [UInt32] = [0, 30_000]
  /// Hundredths of a bandwidth-delay product.
  static let queues: [UInt64] = [25, 100, 400]
  static let flowCounts = [1, 10]

  var algorithm: CongestionControl
  /// Mbit/s.
  var rate: UInt64
  /// Milliseconds.
  var roundTrip: Int64
  var loss: UInt32
  var reordering: UInt32
  var queue: UInt64
  var flows: Int

  /// All cells of an algorithm in the order of its table.
  static func all(_ algorithm: CongestionControl) -> [Cell] {
    var cells: [Cell] = []
    for rate in rates {
      for roundTrip in roundTrips {
        for loss in losses {
          for reordering in reorderings {
            for queue in queues {
              for flows in flowCounts {
                cells.append(
                  Cell(
                    algorithm: algorithm, rate: rate, roundTrip: roundTrip, loss: loss,
                    reordering: reordering, queue: queue, flows: flows))
              }
            }
          }
        }
      }
    }
    return cells
  }

  /// Several flows that come to terms, given time.
  ///
  /// Not where a flow has room for a few packets only and luck decides, nor BBR's where the path itself loses packets
  /// or reorders them. Its threshold, 2 % of what was in flight (BBR.LossThresh), a flow of few packets exceeds by
  /// chance and a flow of many does not, so shares that differ stay different, however long the cell lasts.
  var isOfEquals: Bool {
    let isClean = loss == 0 && reordering == 0
    return flows > 1 && (isClean || algorithm != .bbr && packetsForEach >= 10)
  }

  // MARK: The path in octets and seconds

  var octetsPerSecond: UInt64 { rate &* 125_000 }

  /// Octets on the way when the rate is used up and nothing waits.
  var bandwidthDelay: UInt64 { octetsPerSecond &* UInt64(roundTrip) / 1_000 }

  /// How long a packet takes to leave.
  var packetTime: TimeAmount { .nanoseconds(Int64(Self.packet * 1_000_000_000 / octetsPerSecond)) }

  /// Octets that may wait: at least ten packets.
  var queueOctets: UInt64 { max(bandwidthDelay &* queue / 100, 10 * Self.packet) }

  /// Seconds, with a full queue.
  var fullRoundTrip: Double {
    Double(roundTrip) / 1_000 + Double(queueOctets) / Double(octetsPerSecond)
  }

  /// Each flow's share of all the path can hold, in packets.
  var packetsForEach: UInt64 { (bandwidthDelay &+ queueOctets) / Self.packet / UInt64(flows) }

  /// Octets of a full packet, and of text in it: headers of IPv4 and TCP, and timestamps.
  static let packet: UInt64 = 1_500
  static let text: UInt64 = 1_448

  // MARK: Names

  var name: String { "\(algorithm)/" + columns.joined(separator: "/") }

  /// What the name says behind the algorithm.
  var columns: [String] {
    [
      String(rate), String(roundTrip), decimal(loss, 10_000), decimal(reordering, 10_000),
      decimal(UInt32(queue), 100), String(flows),
    ]
  }

  /// One of the table, or another for a closer look. Nil: no name.
  init?(name: String) {
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 7, let algorithm = CongestionControl.allCases.first(where: { "\($0)" == parts[0] }),
      let rate = UInt64(parts[1]), 1...10_000 ~= rate, let roundTrip = Int64(parts[2]),
      1...10_000 ~= roundTrip,
      let loss = parsed(parts[3], 10_000), let reordering = parsed(parts[4], 10_000),
      let queue = parsed(parts[5], 100), let flows = Int(parts[6]), 1...1_000 ~= flows,
      loss <= 1_000_000, reordering <= 1_000_000, queue <= 10_000
    else { return nil }
    self.init(
      algorithm: algorithm, rate: rate, roundTrip: roundTrip, loss: loss, reordering: reordering,
      queue: UInt64(queue), flows: flows)
  }

  private init(
    algorithm: CongestionControl, rate: UInt64, roundTrip: Int64, loss: UInt32, reordering: UInt32,
    queue: UInt64, flows: Int
  ) {
    self.algorithm = algorithm
    self.rate = rate
    self.roundTrip = roundTrip
    self.loss = loss
    self.reordering = reordering
    self.queue = queue
    self.flows = flows
  }
}

/// `n / unit` without trailing zeros.
private func decimal(_ n: UInt32, _ unit: UInt32) -> String {
  var digits = ""
  var rest = n % unit
  var place = unit / 10
  while rest > 0, place > 0 {
    digits += String(rest / place)
    rest %= place
    place /= 10
  }
  return digits.isEmpty ? String(n / unit) : "\(n / unit).\(digits)"
}

/// What `decimal` writes; nil: something else.
private func parsed(_ text: Substring, _ unit: UInt32) -> UInt32? {
  guard let number = Double(text), number >= 0, number * Double(unit) < 1e9 else { return nil }
  let n = UInt32((number * Double(unit)).rounded())
  return decimal(n, unit) == text ? n : nil
}
