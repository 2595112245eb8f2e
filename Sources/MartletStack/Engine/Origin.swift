/// Who brought a connection here: a listener, or the application itself.
struct Origin: BitwiseCopyable, Equatable {
  /// The listener's index in the low 12 bits.
  private var rawValue: UInt16

  private static var limited: UInt16 { 0x1000 }

  /// `connect`.
  static var application: Origin { Origin(rawValue: 0xffff) }
  /// A listener that was closed since.
  static var closedListener: Origin { Origin(rawValue: 0xfffe) }

  private init(rawValue: UInt16) { self.rawValue = rawValue }

  /// - Parameter isLimited: the listener ends connections that are idle for too long.
  init(listener: UInt32, isLimited: Bool) {
    rawValue = UInt16(truncatingIfNeeded: listener & 0xfff) | (isLimited ? Self.limited : 0)
  }

  var isPassive: Bool { self != .application }
  var listener: UInt32? { rawValue < 0x2000 ? UInt32(rawValue & 0xfff) : nil }
  var hasIdleLimit: Bool { rawValue & 0xf000 == Self.limited }
}
