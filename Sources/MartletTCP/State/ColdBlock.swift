import MartletWire

/// The part of a connection that exists only while something is queued,
/// outstanding or out of order. An idle connection has none.
public struct ColdBlock: BitwiseCopyable, Sendable {
  /// Octets from SND.UNA on (from ISS + 1 while the SYN is unacknowledged): sent and unacknowledged, then unsent.
  package var send = ByteQueue()
  /// In-order octets that the application has not read; out-of-order ones lie beyond the tail, where `outOfOrder` says.
  package var receive = ByteQueue()
  /// Ranges received past RCV.NXT.
  package var outOfOrder = IntervalSet()
  /// A point in each of the ranges that changed last, the latest first (RFC 2018 §4).
  package var recentRanges: InlineArray<4, SequenceNumber> = .init(repeating: SequenceNumber(0))
  package var recentCount: UInt8 = 0
  /// When `landmark` was set, in units of 64 ms; 0: never.
  package var weighedAt: UInt16 = 0
  /// TS.Recent and RCV.NXT when the first range past RCV.NXT arrived; meaningful while `outOfOrder` holds any.
  package var disorderStamp: UInt32 = 0
  package var disorderStart = SequenceNumber(0)
  /// What came twice, for the first block of the next acknowledgment (RFC 2883); empty: nothing.
  package var duplicate = SequenceRange(start: SequenceNumber(0), end: SequenceNumber(0))

  package var congestion = CongestionEpoch.fresh

  /// What was sent for the first time and is not acknowledged, and when it left.
  package var sent = SendRecords()
  package var scoreboard = Scoreboard()
  package var rate = DeliveryRate()
  /// "recover": the highest sequence number sent when the last recovery began; the one before SND.UNA while
  /// there is none.
  package var recover = SequenceNumber(0)
  package var rack = RACKState()
  package var probe = TailProbe()
  package var reduction = ProportionalReduction()
  package var undo = UndoState()
  package var validation = WindowValidation()
  package var search = PathSearch()
  package var forwardRTO = ForwardRTO.off
  /// Acknowledgments in a row that moved nothing (RFC 5681 §2).
  package var duplicateAcks: UInt8 = 0
  /// The window is spread over a round trip, up to `spreadEnd`: after a pause (RFC 7661 §4.4.2), and where it
  /// would otherwise leave as a burst.
  package var spreadsWindow = false
  package var spreadEnd = SequenceNumber(0)
  /// When a paced segment may leave.
  package var nextDeparture = Instant.origin
  /// The last segment was sent again though nothing says that it is lost (RFC 6675 §4, RescueRxt); meaningful with
  /// `hasRescued`.
  package var rescued = SequenceNumber(0)
  /// SND.MAX when the window was last reduced; meaningful while `isReduced` (RFC 3168 §6.1.2, RFC 5681 §4.3).
  package var reducedAt = SequenceNumber(0)
  /// When a repair began after a time-out or a smaller path MTU, or the window was last reduced within it, in
  /// microseconds modulo 2^32.
  package var answeredAt: UInt32 = 0
  package var hasRescued = false
  package var isReduced = false
  /// In a fast recovery something was lost that left after it had begun: the next recovery's.
  package var lostBeyond = false

  /// A FIN that came before the text in front of it.
  package var finWaits = false
  package var finSequence = SequenceNumber(0)

  /// When the reader last took something, or something began to wait for it.
  package var readerMoved = Tick(rawValue: 0)
  /// Where the connection was a few seconds ago, while memory is short.
  package var landmark = Landmark()

  /// SND.UNA of an orphan when it was last looked after.
  package var orphanUna = SequenceNumber(0)

  /// RCV.UP: one past the last urgent octet; meaningful while `urgent` (RFC 9293 §3.8.5).
  package var urgent = false
  package var urgentPointer = SequenceNumber(0)
  /// SND.UP, likewise.
  package var sendsUrgent = false
  package var sendUrgentPointer = SequenceNumber(0)

  /// Whom a connection in SYN-RECEIVED is charged to that was opened by RFC 7413: the engine's number and one;
  /// 0: nobody.
  package var pendingOpen: UInt32 = 0

  public init() {}

  /// Nothing is out of order or urgent: what header prediction asks.
  @inline(__always)
  package var isOrderly: Bool { outOfOrder.isEmpty && !finWaits && !urgent }

  /// There is something for a SACK option.
  @inline(__always)
  package var hasBlocks: Bool { !outOfOrder.isEmpty || !duplicate.isEmpty }

  /// Holds nothing that must be kept.
  public var isIdle: Bool {
    send.isEmpty && receive.isEmpty && outOfOrder.isEmpty && !finWaits && !urgent && !sendsUrgent
      && duplicate.isEmpty && pendingOpen == 0 && (search.high == 0 || search.isForgettable)
  }

  /// Nothing is sacked, lost or sent twice any more: what RACK knew would be half a turn of the clock or of the
  /// numbers old one day, and is forgotten with it.
  package mutating func endScoreboardIfIdle() {
    scoreboard.endIfIdle()
    guard !scoreboard.isInUse else { return }
    rack.forget()
    hasRescued = false
  }

  /// A tail-loss probe has nothing to find out now, or is out (RFC 8985 §7.2, §7.3).
  @inline(__always)
  package var wantsNoProbe: Bool { scoreboard.isInUse || probe.isOut }

  /// Nothing is in flight any more: gives back what was remembered about it.
  package mutating func forgetFlight(_ pool: inout ChunkPool, _ budget: inout MemoryBudget) {
    sent.removeAll(&pool, &budget)
    scoreboard.removeAll(&pool, &budget)
    probe.isOut = false
    forwardRTO = .off
    undo.isPossible = false
    endScoreboardIfIdle()
  }
}
