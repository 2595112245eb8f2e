import ArgumentParser
import MartletTCP

/// What a direction does to packets, as far as it was said.
protocol ConditionOptions {
  var loss: Chance? { get }
  var delay: TimeAmount? { get }
  var jitter: TimeAmount? { get }
  var rate: BitRate? { get }
  var queue: QueueAmount? { get }
  var ecn: QueueAmount? { get }
  var burstLoss: BurstLoss? { get }
  var reorder: Chance? { get }
  var reorderDelay: TimeAmount? { get }
  var duplicate: Chance? { get }
  var corrupt: Chance? { get }
}

/// The options of both directions, or of the one from left to right.
struct ForwardOptions: ParsableArguments, ConditionOptions {
  @Option(
    help: ArgumentHelp("Packets that are lost.", valueName: "percent"),
    transform: { try Chance(parsing: $0) })
  var loss: Chance?

  @Option(
    help: ArgumentHelp("How long every packet takes.", valueName: "time"),
    transform: { try TimeAmount(parsing: $0) })
  var delay: TimeAmount?

  @Option(
    help: ArgumentHelp("Up to so much more, evenly spread; the order stays.", valueName: "time"),
    transform: { try TimeAmount(parsing: $0) })
  var jitter: TimeAmount?

  @Option(
    help: ArgumentHelp("Bits of IP packets a second, such as 100mbit.", valueName: "rate"),
    transform: { try BitRate(parsing: $0) })
  var rate: BitRate?

  @Option(
    help: ArgumentHelp(
      "What may wait for the rate: 100kB, 50packets or 1bdp (the default).", valueName: "amount"),
    transform: { try QueueAmount(parsing: $0) })
  var queue: QueueAmount?

  @Option(
    help: ArgumentHelp("Mark packets CE that find more than this in the queue.", valueName: "amount"),
    transform: { try QueueAmount(parsing: $0) })
  var ecn: QueueAmount?

  @Option(
    help: ArgumentHelp(
      "Packets lost in bursts (Gilbert, Elliott): chances of begin, end and loss.",
      valueName: "begin,end[,loss]"),
    transform: { try BurstLoss(parsing: $0) })
  var burstLoss: BurstLoss?

  @Option(
    help: ArgumentHelp("Packets that are held back, so that others overtake them.", valueName: "percent"),
    transform: { try Chance(parsing: $0) })
  var reorder: Chance?

  @Option(
    help: ArgumentHelp("They are held back by up to this (default: 20ms).", valueName: "time"),
    transform: { try TimeAmount(parsing: $0) })
  var reorderDelay: TimeAmount?

  @Option(
    help: ArgumentHelp("Packets that arrive twice.", valueName: "percent"),
    transform: { try Chance(parsing: $0) })
  var duplicate: Chance?

  @Option(
    help: ArgumentHelp("Packets that have one bit flipped.", valueName: "percent"),
    transform: { try Chance(parsing: $0) })
  var corrupt: Chance?
}

/// The options of the direction from right to left, where it differs.
struct BackwardOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("The same from right to left.", valueName: "percent"),
    transform: { try Chance(parsing: $0) })
  var backLoss: Chance?

  @Option(
    help: ArgumentHelp("The same from right to left.", valueName: "time"),
    transform: { try TimeAmount(parsing: $0) })
  var backDelay: TimeAmount?

  @Option(
    help: ArgumentHelp("The same from right to left.", valueName: "time"),
    transform: { try TimeAmount(parsing: $0) })
  var backJitter: TimeAmount?

  @Option(
    help: ArgumentHelp("The same from right to left.", valueName: "rate"),
    transform: { try BitRate(parsing: $0) })
  var backRate: BitRate?

  @Option(
    help: ArgumentHelp("The same from right to left.", valueName: "amount"),
    transform: { try QueueAmount(parsing: $0) })
  var backQueue: QueueAmount?

  @Option(
    help: ArgumentHelp("The same from right to left.", valueName: "amount"),
    transform: { try QueueAmount(parsing: $0) })
  var backEcn: QueueAmount?

  @Option(
    help: ArgumentHelp("The same from right to left.", valueName: "begin,end[,loss]"),
    transform: { try BurstLoss(parsing: $0) })
  var backBurstLoss: BurstLoss?

  @Option(
    help: ArgumentHelp("The same from right to left.", valueName: "percent"),
    transform: { try Chance(parsing: $0) })
  var backReorder: Chance?

  @Option(
    help: ArgumentHelp("The same from right to left.", valueName: "time"),
    transform: { try TimeAmount(parsing: $0) })
  var backReorderDelay: TimeAmount?

  @Option(
    help: ArgumentHelp("The same from right to left.", valueName: "percent"),
    transform: { try Chance(parsing: $0) })
  var backDuplicate: Chance?

  @Option(
    help: ArgumentHelp("The same from right to left.", valueName: "percent"),
    transform: { try Chance(parsing: $0) })
  var backCorrupt: Chance?
}

extension BackwardOptions: ConditionOptions {
  var loss: Chance? { backLoss }
  var delay: TimeAmount? { backDelay }
  var jitter: TimeAmount? { backJitter }
  var rate: BitRate? { backRate }
  var queue: QueueAmount? { backQueue }
  var ecn: QueueAmount? { backEcn }
  var burstLoss: BurstLoss? { backBurstLoss }
  var reorder: Chance? { backReorder }
  var reorderDelay: TimeAmount? { backReorderDelay }
  var duplicate: Chance? { backDuplicate }
  var corrupt: Chance? { backCorrupt }
}
