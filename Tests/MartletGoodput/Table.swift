import MartletTCP

/// The table of one algorithm, as it is committed.
struct Table {
  let algorithm: CongestionControl
  let lines: [Line]

  /// - Parameter next: the measured lines in the order of the cells.
  /// - Throws: `MissingLine` where another line comes, or none.
  init(_ algorithm: CongestionControl, next: () -> String?) throws {
    self.algorithm = algorithm
    lines = try Cell.all(algorithm).map { cell in
      guard let text = next(), let line = Line(cell, measured: text) else { throw MissingLine(cell: cell) }
      return line
    }
  }

  struct MissingLine: Error {
    let cell: Cell
  }

  var text: String {
    ([header, Line.heading] + lines.map(\.text) + summary).joined(separator: "\n")
  }

  private var header: String {
    """
    # Goodput of \(algorithm), from Tools/goodput.
    #
    # One or ten connections, begun at once, send without end through one bottleneck. The queue is the given
    # number of bandwidth-delay products, at least ten packets of 1,500 octets, and drops at its tail; loss
    # strikes at random behind it; reordered packets arrive late by up to half a round trip. Acknowledgments
    # are not lost and take at random up to the time of one packet more.
    #
    # A cell lasts 10 s and 100 round trips at least, 400 with ten flows, and so long that at the bound 20,000
    # packets go and loss strikes 200 times, but not longer than 60 round trips and 300,000 packets take,
    # 1,000,000 of ten flows. Ten flows that come to terms (Cell.isOfEquals) have longer: a minute, thirty periods
    # of the algorithm, fifty where nothing is lost at random, and 200 losses of each flow, fewer where that takes
    # more than 16,000,000 packets (CellRun.untilFair). The second half is measured.
    #
    # goodput and bound: text octets read by the application, as per cent of the rate; the bound is the
    # least of what the rate carries, the algorithm's response to the loss, and 16 MiB a round trip for
    # each connection (Tests/MartletGoodput/Bound.swift). resent: per cent of the segments. RTOs:
    # retransmission time-outs. RTT in ms; loss and reordering in per cent.
    #
    """
  }

  private var summary: [String] {
    let unfair = lines.filter(\.isUnfair).map { "# unfair: \($0.cell.name)" }
    let all = algorithm == .bbr ? " without loss and reordering," : ""
    let room = "with at least ten packets of path and queue for each flow"
    return ["#", "# \(unfair.count) cells with Jain's index below 0.95\(all) \(room)"] + unfair
  }
}
