/// A receive window in octets, as both ends reckon with it (RFC 7323 §2.3).
@frozen
public struct WindowSize: Equatable, Hashable, BitwiseCopyable, Sendable {
  /// Octets; at most 2^30 - 1 (65,535 << 14).
  public var octets: UInt32

  @inlinable @inline(__always)
  public init(_ octets: UInt32) {
    self.octets = octets
  }

  public static var zero: WindowSize { WindowSize(0) }

  /// What goes into the window field: this size shifted right, rounded down,
  /// and at most 65,535. A field never promises more than the window holds.
  @inlinable @inline(__always)
  public func unscaled(by scale: WindowScale) -> UnscaledWindow {
    UnscaledWindow(UInt16(truncatingIfNeeded: min(octets >> UInt32(scale.shift), 65_535)))
  }
}

/// The 16-bit window field of a segment, before the scale is applied. Unsigned (RFC 9293 MUST-1).
@frozen
public struct UnscaledWindow: Equatable, Hashable, BitwiseCopyable, Sendable {
  public var field: UInt16

  @inlinable @inline(__always)
  public init(_ field: UInt16) {
    self.field = field
  }

  /// The window in octets. The field of a segment with SYN is never scaled (RFC 7323 §2.2): pass `.none`.
  @inlinable @inline(__always)
  public func scaled(by scale: WindowScale) -> WindowSize {
    WindowSize(UInt32(field) &<< UInt32(scale.shift))
  }
}

/// A window scale shift, 0 to 14 (RFC 7323 §2.3: a larger one is used as 14).
@frozen
public struct WindowScale: Equatable, Hashable, BitwiseCopyable, Sendable {
  public let shift: UInt8

  /// Clamps to 14.
  @inlinable @inline(__always)
  public init(_ shift: UInt8) {
    self.shift = min(shift, 14)
  }

  /// No scaling.
  public static var none: WindowScale { WindowScale(0) }

  /// The smallest shift with which a window of `octets` can be offered in full.
  @inlinable
  public static func fitting(_ octets: UInt32) -> WindowScale {
    var shift: UInt8 = 0
    while shift < 14, octets >> UInt32(shift) > 65_535 { shift &+= 1 }
    return WindowScale(shift)
  }
}
