/*
 * One triangle that covers the viewport.  What is the same for all pixels goes
 * to the fragment shader as flat values: llvmpipe loads a uniform anew for
 * each of them, lane by lane, which took most of the time.
 */

uniform uvec4 u_map_x;
uniform uvec4 u_map_y;
uniform uvec4 u_map_0;
uniform ivec4 u_image;
uniform uvec4 u_texel_bits;
uniform ivec4 u_table;
uniform vec4 u_scale;
uniform uvec4 u_closed;

flat out uvec4 map_x;
flat out uvec4 map_y;
flat out uvec4 map_0;
flat out ivec4 image;
flat out uvec4 texel_bits;
flat out ivec4 table;
flat out vec4 scale;
flat out uvec4 closed;

void main()
{
    map_x = u_map_x;
    map_y = u_map_y;
    map_0 = u_map_0;
    image = u_image;
    texel_bits = u_texel_bits;
    table = u_table;
    scale = u_scale;
    closed = u_closed;

    gl_Position = vec4(gl_VertexID == 1 ? 3.0 : -1.0,
                       gl_VertexID == 2 ? 3.0 : -1.0, 0.0, 1.0);
}
