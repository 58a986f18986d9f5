/* The outline of a mask: |x / a|^3 + |y / b|^3 <= 1 around its middle, as the service covers it. */
const POINTS = 64;
const EXPONENT = 3;

export function outline([x, y, a, b]) {
  const points = Array.from({ length: POINTS }, (_, i) => {
    const angle = (2 * Math.PI * i) / POINTS, c = Math.cos(angle), s = Math.sin(angle);
    const radius = (Math.abs(c) ** EXPONENT + Math.abs(s) ** EXPONENT) ** (-1 / EXPONENT);
    return `${(x + a * radius * c).toFixed(1)} ${(y + b * radius * s).toFixed(1)}`;
  });
  return `M${points.join("L")}Z`;
}
