import MartletTCP

/// What nobody can exceed in a cell, in octets of text a second: the least of what the rate carries, what
/// the algorithm's response to random loss allows, and what the buffers hold in a round trip.
///
/// Each is an average over a long time and of a sender that never waits for a timer. The responses are of
/// loss that strikes evenly; loss at random lets a tenth more through.
struct Bound {
  /// The largest window that the buffers allow, of one connection.
  static let window = 16.0 * 1_048_576

  let cell: Cell

  var octetsPerSecond: Double {
    let flows = Double(cell.flows)
    return min(ofRate, flows * min(Self.window / roundTrip, ofLoss))
  }

  /// The rate, less headers and what is lost behind the queue.
  private var ofRate: Double {
    Double(cell.octetsPerSecond) * Double(Cell.text) / Double(Cell.packet) * (1 - lossRate)
  }

  private var lossRate: Double { Double(cell.loss) / 1_000_000 }

  /// Seconds, with the time that a packet takes to leave and half of it, on average, on the way back.
  private var roundTrip: Double {
    Double(cell.roundTrip) / 1_000 + 1.5 * Double(Cell.packet) / Double(cell.octetsPerSecond)
  }

  private var ofLoss: Double {
    guard cell.loss > 0 else { return .infinity }
    let perRoundTrip = Double(Cell.text) / roundTrip
    switch cell.algorithm {
    case .newReno: return perRoundTrip * reno
    case .cubic: return perRoundTrip * cubic
    // BBR takes no notice of loss below BBR.LossThresh, 2 % (draft-ietf-ccwg-bbr); nobody has published how
    // it responds above.
    case .bbr: return .infinity
    }
  }

  /// Segments a round trip: sqrt(3 / 2p), the average of a sawtooth that ends with each loss
  /// (Mathis, Semke, Mahdavi, Ott, 1997; RFC 5681's window grows by the octets acknowledged).
  private var reno: Double { (1.5 / lossRate).squareRoot() }

  /// RFC 9438 §5.1: 1.054 · RTT^0.75 / p^0.75, and not less than Reno's.
  private var cubic: Double {
    let ratio = (roundTrip / lossRate).squareRoot()
    return max(1.054 * ratio * ratio.squareRoot(), reno)
  }
}
