/// The largest value of a sliding window of time, from three of the values it saw (the
/// filter that draft-ietf-ccwg-bbr §5.5.5 calls Kathleen Nichols').
///
/// The second and third are the best since the one before them, so that one is at
/// hand when the first grows too old. Time is counted in anything, modulo 2^32.
@frozen
package struct WindowedMaximum: BitwiseCopyable, Sendable {
  @frozen
  package struct Sample: BitwiseCopyable, Sendable {
    package var value: UInt32
    package var time: UInt32
  }

  package var best: Sample
  package var second: Sample
  package var third: Sample

  package init() {
    best = Sample(value: 0, time: 0)
    second = best
    third = best
  }

  package var value: UInt32 { best.value }

  package mutating func update(_ value: UInt32, at time: UInt32, over length: UInt32) {
    let sample = Sample(value: value, time: time)
    guard value < best.value, time &- third.time <= length else {
      // A new maximum, or nothing left in the window.
      best = sample
      second = sample
      third = sample
      return
    }
    if value >= second.value {
      second = sample
      third = sample
    } else if value >= third.value {
      third = sample
    }
    age(sample, length)
  }

  /// The best gives way when it has left the window; and for want of something better, the second and the
  /// third are renewed after a quarter and a half of it, lest they leave together.
  private mutating func age(_ sample: Sample, _ length: UInt32) {
    let age = sample.time &- best.time
    if age > length {
      best = second
      second = third
      third = sample
      if sample.time &- best.time > length {
        best = second
        second = third
      }
    } else if second.time == best.time, age > length / 4 {
      second = sample
      third = sample
    } else if third.time == second.time, age > length / 2 {
      third = sample
    }
  }
}
