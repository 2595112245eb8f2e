import MartletTCP

/// Both directions of a damaging link, worked out from what was said of them.
package struct LinkPlan: Equatable, Sendable {
  /// From left to right.
  package let forward: PathConditions
  /// From right to left.
  package let backward: PathConditions

  /// What `backward` does not say is as `forward` says.
  init(_ forward: some ConditionOptions, _ backward: some ConditionOptions, mtu: Int)
    throws(SpecificationError)
  {
    let onward = Direction(forward, else: nil)
    let back = Direction(backward, else: onward)
    let roundTrip = TimeAmount.nanoseconds(onward.delay.nanoseconds + back.delay.nanoseconds)
    self.forward = try onward.conditions(roundTrip, mtu, option: "")
    self.backward = try back.conditions(roundTrip, mtu, option: "back-")
  }

  /// One direction, before what depends on the other is worked out.
  private struct Direction {
    private var conditions = PathConditions()
    private var queue: QueueAmount?
    private var ecn: QueueAmount?

    var delay: TimeAmount { conditions.delay }

    init(_ options: some ConditionOptions, else other: Direction?) {
      if let other { self = other }
      let before = conditions
      conditions.loss = options.loss ?? before.loss
      conditions.delay = options.delay ?? before.delay
      conditions.jitter = options.jitter ?? before.jitter
      conditions.rate = options.rate ?? before.rate
      conditions.burstLoss = options.burstLoss ?? before.burstLoss
      conditions.reordering = options.reorder ?? before.reordering
      conditions.reorderingDelay = options.reorderDelay ?? before.reorderingDelay
      conditions.duplication = options.duplicate ?? before.duplication
      conditions.corruption = options.corrupt ?? before.corruption
      queue = options.queue ?? queue
      ecn = options.ecn ?? ecn
      // A queue that was said of the other direction means nothing where there is no rate.
      if other != nil, conditions.rate == .unlimited {
        queue = options.queue
        ecn = options.ecn
      }
    }

    func conditions(
      _ roundTrip: TimeAmount, _ mtu: Int, option prefix: String
    ) throws(SpecificationError) -> PathConditions {
      var conditions = conditions
      let rate = conditions.rate
      guard rate != .unlimited else {
        guard queue == nil, ecn == nil else {
          throw SpecificationError(
            "Without a rate nothing waits in a queue. Give --\(prefix)rate, or leave out --\(prefix)queue and --\(prefix)ecn."
          )
        }
        return conditions
      }
      conditions.queue = (queue ?? .delayProduct(1_000)).limit(rate: rate, roundTrip: roundTrip, mtu: mtu)
      if let ecn { conditions.marking = ecn.limit(rate: rate, roundTrip: roundTrip, mtu: mtu) }
      return conditions
    }
  }
}
